// SPDX-License-Identifier: MIT
/*
 * Names of AF_UNIX sockets: path names, which are inodes of type S_IFSOCK found through the file system, and abstract
 * names, which are bytes in a table of their own, one for each socket type. A socket gets a name once.
 *
 * table_lock covers both tables; all_lock the list of all sockets, which /proc/net/unix shows. A socket is in a table only while its file is open, so that
 * who finds it there may count it.
 */
#include "abi/errno.h"
#include "abi/stat.h"
#include "fs/dcache.h"
#include "fs/namei.h"
#include "fs/seq.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "net/unix.h"

#define BUCKETS 256u
#define PATH_AT ((u32)offsetof(struct sockaddr_un, sun_path))
#define AUTOBIND_NAMES (1u << 20)

static struct spinlock table_lock = SPINLOCK_INIT(LOCK_UNIX_TABLE);
static struct unix_sock *abstract_names[BUCKETS], *inodes[BUCKETS]; /* by unix_addr.hash, by inode (table_lock) */
static struct mutex all_lock = MUTEX_INIT(all_lock, LOCK_UNIX_ALL);
static struct list all = LIST_INIT(all); /* (all_lock) */

/* ---- addresses ------------------------------------------------------------------------------------------------------- */

struct unix_addr *unix_addr_get(struct unix_addr *a)
{
    if (a)
        ref_get(&a->refs);
    return a;
}

void unix_addr_put(struct unix_addr *a)
{
    if (a && ref_put(&a->refs))
        kfree(a);
}

u32 unix_addr_copy(const struct unix_addr *a, struct sockaddr_storage *out)
{
    if (!a) {
        out->ss_family = AF_UNIX;
        return sizeof(out->ss_family);
    }
    __builtin_memcpy(out, a->name, a->len);
    return a->len;
}

int unix_addr_check(const struct sockaddr_storage *addr, u32 len)
{
    return len <= PATH_AT || len > sizeof(struct sockaddr_un) || addr->ss_family != AF_UNIX ? -EINVAL : 0;
}

static u32 hash_name(const u8 *name, u32 len, u32 type)
{
    u32 h = 2166136261u ^ type;

    for (u32 i = PATH_AT; i < len; i++)
        h = (h ^ name[i]) * 16777619u;
    return h ^ h >> 16;
}

static struct unix_addr *addr_make(const void *name, u32 len, u32 type)
{
    struct unix_addr *a = kzalloc(sizeof(*a), MEM_WAIT);

    if (!a)
        return NULL;
    ref_init(&a->refs);
    __builtin_memcpy(a->name, name, len);
    a->len = len;
    a->hash = hash_name(a->name, len, type);
    return a;
}

static const char *path_of(const void *name)
{
    return (const char *)name + PATH_AT;
}

/* ---- tables ---------------------------------------------------------------------------------------------------------- */

static struct unix_sock **bucket_of(const struct unix_sock *u)
{
    if (u->named_path)
        return &inodes[((u64)u->path.dentry->inode >> 6) % BUCKETS];
    return &abstract_names[u->addr->hash % BUCKETS];
}

/* (table_lock) */
static struct unix_sock *find_abstract(const struct unix_addr *a, u32 type)
{
    struct unix_sock *u = abstract_names[a->hash % BUCKETS];

    while (u && (u->sock.type != type || u->addr->len != a->len || memcmp(u->addr->name, a->name, a->len) != 0))
        u = u->hash_next;
    return u;
}

static void insert(struct unix_sock *u)
{
    struct unix_sock **b = bucket_of(u);

    u->hash_next = *b;
    *b = u;
}

void unix_unbind(struct unix_sock *u)
{
    if (!u->addr)
        return;
    spin_lock(&table_lock);
    struct unix_sock **p = bucket_of(u);
    while (*p && *p != u)
        p = &(*p)->hash_next;
    bool named = *p == u; /* an embryo has its listener's name, and is in no table */
    if (named)
        *p = u->hash_next;
    spin_unlock(&table_lock);
    if (named && u->named_path)
        path_put(&u->path);
}

void unix_table_add(struct unix_sock *u)
{
    mutex_lock(&all_lock);
    list_add_tail(&all, &u->all_link);
    mutex_unlock(&all_lock);
}

void unix_table_remove(struct unix_sock *u)
{
    mutex_lock(&all_lock);
    list_del_init(&u->all_link);
    mutex_unlock(&all_lock);
}

/* ---- bind ------------------------------------------------------------------------------------------------------------ */

/* u->addr is published once the socket can be found. -EADDRINUSE. */
static int publish_abstract(struct unix_sock *u, struct unix_addr *a)
{
    int err = 0;

    spin_lock(&table_lock);
    if (find_abstract(a, u->sock.type)) {
        err = -EADDRINUSE;
    } else {
        store_release(&u->addr, a);
        insert(u);
    }
    spin_unlock(&table_lock);
    return err;
}

static int bind_abstract(struct unix_sock *u, const struct sockaddr_storage *addr, u32 len)
{
    struct unix_addr *a = addr_make(addr, len, u->sock.type);

    if (!a)
        return -ENOMEM;
    mutex_lock(&u->bind_lock);
    int err = u->addr ? -EINVAL : publish_abstract(u, a);
    mutex_unlock(&u->bind_lock);
    if (err)
        unix_addr_put(a);
    return err;
}

int unix_autobind(struct unix_sock *u)
{
    static u32 next;
    u8 name[PATH_AT + 6] = {AF_UNIX};
    int err = 0;

    mutex_lock(&u->bind_lock);
    for (u32 tries = 0; !u->addr && !err && tries < AUTOBIND_NAMES; tries++) {
        u32 n = __atomic_add_fetch(&next, 1, __ATOMIC_RELAXED);
        for (u32 i = 0; i < 5; i++)
            name[PATH_AT + 1 + i] = (u8) "0123456789abcdef"[n >> (16 - 4 * i) & 15];
        struct unix_addr *a = addr_make(name, sizeof(name), u->sock.type);
        err = a ? publish_abstract(u, a) : -ENOMEM;
        if (err)
            unix_addr_put(a);
        if (err == -EADDRINUSE)
            err = 0;
    }
    if (!u->addr && !err)
        err = -ENOSPC;
    mutex_unlock(&u->bind_lock);
    return err;
}

/* The inode is there: u becomes what connects to it find. (bind_lock) */
static int publish_path(struct unix_sock *u, const struct fs_view *v, struct unix_addr *a)
{
    struct path p;
    int err = path_lookup(v, NULL, path_of(a->name), 0, &p);

    if (err)
        return err;
    if (!S_ISSOCK(p.dentry->inode->mode)) {
        path_put(&p);
        return -EADDRINUSE; /* somebody was faster with another */
    }
    u->path = p;
    spin_lock(&table_lock);
    u->named_path = true;
    store_release(&u->addr, a);
    insert(u);
    spin_unlock(&table_lock);
    return 0;
}

static int bind_path(struct unix_sock *u, struct sockaddr_storage *addr, u32 len)
{
    struct fs_view v = sock_caller->view();
    struct unix_addr *a = addr_make(addr, len, 0);

    if (!a)
        return -ENOMEM;
    a->len = PATH_AT + (u32)strlen(path_of(a->name)) + 1;
    int err = vfs_mknod(&v, NULL, path_of(a->name), S_IFSOCK | (u->sock.file->inode->mode & 0777), 0);
    if (err) {
        unix_addr_put(a);
        return err == -EEXIST ? -EADDRINUSE : err;
    }
    mutex_lock(&u->bind_lock);
    err = u->addr ? -EINVAL : publish_path(u, &v, a);
    mutex_unlock(&u->bind_lock);
    if (err) {
        (void)vfs_unlink(&v, NULL, path_of(a->name));
        unix_addr_put(a);
    }
    return err;
}

int unix_bind(struct socket *s, struct sockaddr_storage *addr, u32 len)
{
    struct unix_sock *u = unix_sk(s);

    if (len == PATH_AT && addr->ss_family == AF_UNIX)
        return unix_autobind(u);
    int err = unix_addr_check(addr, len);
    if (err)
        return err;
    return *path_of(addr) ? bind_path(u, addr, len) : bind_abstract(u, addr, len);
}

/* ---- finding --------------------------------------------------------------------------------------------------------- */

static struct unix_sock *find_inode(const struct inode *i)
{
    spin_lock(&table_lock);
    struct unix_sock *u = inodes[((u64)i >> 6) % BUCKETS];
    while (u && u->path.dentry->inode != i)
        u = u->hash_next;
    if (u)
        socket_get(&u->sock);
    spin_unlock(&table_lock);
    return u;
}

static int find_by_path(const char *name, u32 type, struct unix_sock **out)
{
    struct fs_view v = sock_caller->view();
    struct path p;
    int err = path_lookup(&v, NULL, name, LOOKUP_FOLLOW, &p);

    if (err)
        return err;
    struct inode *i = p.dentry->inode;
    err = inode_permission(i, MAY_WRITE, v.cred);
    if (!err && !S_ISSOCK(i->mode))
        err = -ECONNREFUSED;
    struct unix_sock *u = err ? NULL : find_inode(i);
    path_put(&p);
    if (err)
        return err;
    if (!u)
        return -ECONNREFUSED;
    if (u->sock.type != type) {
        socket_put(&u->sock);
        return -EPROTOTYPE;
    }
    *out = u;
    return 0;
}

int unix_find(const struct sockaddr_storage *addr, u32 len, u32 type, struct unix_sock **out)
{
    struct unix_addr a = {.len = len};

    __builtin_memcpy(a.name, addr, len);
    if (*path_of(a.name))
        return find_by_path(path_of(a.name), type, out);
    a.hash = hash_name(a.name, len, type);
    spin_lock(&table_lock);
    struct unix_sock *u = find_abstract(&a, type);
    if (u)
        socket_get(&u->sock);
    spin_unlock(&table_lock);
    *out = u;
    return u ? 0 : -ECONNREFUSED;
}

/* ---- /proc/net/unix -------------------------------------------------------------------------------------------------- */

static void show_name(struct seq_buf *s, const struct unix_addr *a)
{
    if (!a)
        return;
    seq_putc(s, ' ');
    u32 n = a->len - PATH_AT, i = 0;
    if (a->name[PATH_AT])
        n--; /* the NUL */
    else
        seq_putc(s, '@'), i = 1;
    for (; i < n; i++)
        seq_putc(s, a->name[PATH_AT + i] ? (char)a->name[PATH_AT + i] : '@');
}

int unix_show(struct seq_buf *s, void *task, u64 key)
{
    struct unix_sock *u;

    (void)task, (void)key;
    seq_puts(s, "Num       RefCount Protocol Flags    Type St Inode Path\n");
    mutex_lock(&all_lock);
    list_for_each (u, &all, all_link) {
        u64 ino = READ_ONCE(u->sock.ino);
        u8 state = READ_ONCE(u->state);
        seq_printf(s, "%016lx: %08X %08X %08X %04X %02X %5lu", 0ul, ref_read(&u->sock.refs) + 1, 0u,
                   state == UNIX_LISTENING ? 0x10000u : 0u, u->sock.type,
                   !ino                      ? 2u
                   : state == UNIX_CONNECTED ? 3u
                                             : 1u,
                   (unsigned long)ino);
        show_name(s, unix_addr(u));
        seq_putc(s, '\n');
    }
    mutex_unlock(&all_lock);
    return 0;
}
