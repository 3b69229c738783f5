// SPDX-License-Identifier: MIT
/*
 * System V shared memory. A segment is an unlinked file of a tmpfs, mapped by shmat. The areas that map it count in
 * `attached`: what fork copies or munmap splits counts too, as on Linux. One that IPC_RMID has marked goes with its last area.
 *
 * `attached` and the three facts beside it are atomic, since areas are copied under the address space's lock; an area's end
 * takes the table's lock, with no lock of memory held.
 */
#include "proc/sysv_shm.h"

#include "abi/errno.h"
#include "abi/mman.h"
#include "abi/stat.h"
#include "fs/memfd.h"
#include "fs/mmap.h"
#include "fs/vfs.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/process.h"
#include "vm/mm.h"

struct segment {
    struct ipc_object ipc;
    u64 size;
    struct file *file;   /* private: this */
    atomic64_t attached; /* areas, and calls of shmat under way */
    s64 atime, dtime;
    s32 creator, last;
    struct user *locker; /* whose RLIMIT_MEMLOCK it counts against; NULL: not locked */
};
#define S_IRUGO_ 0444u
#define S_IWUGO_ 0222u
#define S_IXUGO_ 0111u
#define NO_LIMIT (~0ull - (1ull << 24))

static struct ipc_ids ids = IPC_IDS_INIT(ids, 4096);
static u64 total_pages; /* (ids.lock) */
static u64 shmmax = NO_LIMIT, shmall = NO_LIMIT;
static const struct vm_area_ops area_ops;

static struct segment *segment_of(struct ipc_object *o)
{
    return container_of(o, struct segment, ipc);
}

static u64 pages_of(const struct segment *s)
{
    return (s->size + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

static u64 resident(const struct segment *s)
{
    struct kstat st;
    return inode_stat_file(s->file, &st) ? 0 : st.blocks * 512 >> PAGE_SHIFT;
}

/* ---- making ---- */

static int check_size(struct ipc_object *o, u64 size)
{
    return segment_of(o)->size < size ? -EINVAL : 0;
}

static int open_file(struct segment *s, s32 key)
{
    char name[16];
    snprintf(name, sizeof(name), "%08x", (u32)key);
    int err = memfd_open_segment(name, &current_cred()->fs, &s->file);
    if (err)
        return err;
    s->file->private = s;
    struct fs_view v = {.cred = &kernel_cred, .fsize_limit = ~0ull};
    err = file_truncate(&v, s->file, (s64)(pages_of(s) << PAGE_SHIFT));
    if (err)
        file_put(s->file);
    return err;
}

static int check_new(u64 size, u32 flags)
{
    u64 pages = (size + PAGE_SIZE - 1) >> PAGE_SHIFT;
    struct mem_stats m;
    if (size < 1 || size > shmmax)
        return -EINVAL;
    if (pages << PAGE_SHIFT < size || total_pages + pages > shmall)
        return -ENOSPC;
    if (flags & SHM_HUGETLB)
        return -ENOMEM; /* no pool of huge pages */
    mem_get_stats(&m);
    return !(flags & SHM_NORESERVE) && pages > m.total_pages ? -ENOMEM : 0;
}

static int make(s32 key, u32 flags, u64 size)
{
    int err = check_new(size, flags);
    if (err)
        return err;
    struct segment *s = kzalloc(sizeof(*s), MEM_WAIT);
    if (!s)
        return -ENOMEM;
    s->size = size;
    s->creator = current_process()->pid;
    err = open_file(s, key);
    int id = err ? err : ipc_add(&ids, &s->ipc, key, flags);
    if (id < 0) {
        if (!err)
            file_put(s->file);
        kfree(s);
        return id;
    }
    total_pages += pages_of(s);
    return id;
}

int shm_get(s32 key, u64 size, u32 flags)
{
    return ipc_get(&ids, key, flags, check_size, make, size);
}

/* Locked memory counts by user, apart from what the user's processes lock. (ids.lock) */
static int lock_pages(struct segment *s)
{
    struct user *u = current_cred()->user;
    if (s->locker)
        return 0;
    u64 total = __atomic_add_fetch(&u->locked_pages, pages_of(s), __ATOMIC_RELAXED);
    if (total > rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT && !capable(CAP_IPC_LOCK)) {
        __atomic_fetch_sub(&u->locked_pages, pages_of(s), __ATOMIC_RELAXED);
        return -ENOMEM;
    }
    s->locker = user_get(u);
    return 0;
}

static void unlock_pages(struct segment *s)
{
    if (!s->locker)
        return;
    __atomic_fetch_sub(&s->locker->locked_pages, pages_of(s), __ATOMIC_RELAXED);
    user_put(s->locker);
    s->locker = NULL;
}

/* ids.lock */
static void destroy(struct segment *s)
{
    unlock_pages(s);
    total_pages -= pages_of(s);
    ipc_remove(&ids, &s->ipc);
    file_put(s->file);
    kfree(s);
}

/* ---- areas ---- */

static void touch(struct segment *s)
{
    WRITE_ONCE(s->last, current_process()->pid);
}

static void area_open(struct vm_area *a)
{
    struct segment *s = a->file->private;
    file_get(a->file);
    atomic_add(&s->attached, 1);
    WRITE_ONCE(s->atime, ipc_now());
    touch(s);
}

/* One attachment less (no lock held). */
static void let_go(struct segment *s)
{
    mutex_lock(&ids.lock);
    if (atomic_sub(&s->attached, 1) == 0 && (s->ipc.mode & SHM_DEST))
        destroy(s);
    mutex_unlock(&ids.lock);
}

static void area_close(struct vm_area *a)
{
    struct file *f = a->file;
    struct segment *s = f->private;
    WRITE_ONCE(s->dtime, ipc_now());
    if (current_process())
        touch(s);
    let_go(s);
    file_put(f);
}

static int area_describe(struct vm_area *a, char *buf, size_t size, u64 *dev, u64 *ino)
{
    int n = file_area_ops.describe(a, buf, size, dev, ino);
    *ino = (u32)((struct segment *)a->file->private)->ipc.id;
    return n;
}

static const struct vm_area_ops area_ops = {.open = area_open, .close = area_close, .describe = area_describe};

/* ---- attaching ---- */

static int check_address(uaddr_t *addr, u32 flags)
{
    if (!*addr)
        return flags & SHM_REMAP ? -EINVAL : 0;
    if (*addr % PAGE_SIZE && !(flags & SHM_RND))
        return -EINVAL;
    *addr = ALIGN_DOWN(*addr, PAGE_SIZE);
    return !*addr && (flags & SHM_REMAP) ? -EINVAL : 0;
}

/* With one attachment counted for the time of the call. */
static int take(int id, u32 wanted, struct segment **out)
{
    struct ipc_object *o;
    mutex_lock(&ids.lock);
    int err = ipc_find(&ids, id, wanted, &o);
    if (!err) {
        *out = segment_of(o);
        atomic_add(&(*out)->attached, 1);
    }
    mutex_unlock(&ids.lock);
    return err;
}

int shm_attach(int id, uaddr_t addr, u32 flags, uaddr_t *out)
{
    struct segment *s;
    bool write = !(flags & SHM_RDONLY), exec = flags & SHM_EXEC;
    int err = id < 0 ? -EINVAL : check_address(&addr, flags);
    if (!err)
        err = take(id, (u32)(S_IRUGO_ | (write ? S_IWUGO_ : 0) | (exec ? S_IXUGO_ : 0)), &s);
    if (err)
        return err;
    struct vm_map_args args = {
        .addr = addr,
        .len = pages_of(s) << PAGE_SHIFT,
        .prot = PROT_READ | (write ? PROT_WRITE : 0) | (exec ? PROT_EXEC : 0),
        .flags = MAP_SHARED | (!addr               ? 0
                               : flags & SHM_REMAP ? MAP_FIXED
                                                   : MAP_FIXED_NOREPLACE | MAP_FIXED),
        .mapping = s->file->inode->mapping,
        .may = VM_MAYREAD | VM_MAYEXEC | (write ? VM_MAYWRITE : 0),
        .ops = &area_ops,
        .file = s->file,
        .cap_lock = capable(CAP_IPC_LOCK),
        .cap_rawio = capable(CAP_SYS_RAWIO),
    };
    err = addr + args.len < addr ? -EINVAL : vm_map(current_thread()->mm, &args, out);
    let_go(s);
    return err == -EEXIST ? -EINVAL : err;
}

/* The first area in [from, end) of the attachment that begins at addr: of `file`, or of any segment when that is NULL. */
static bool find_part(uaddr_t addr, uaddr_t from, uaddr_t end, struct file **file, uaddr_t part[2])
{
    struct mm *mm = current_thread()->mm;
    rwsem_read_lock(&mm->lock);
    struct vm_area *a = vm_find(mm, from);
    while (a && a->start < end) {
        bool ours = a->start >= addr && a->ops == &area_ops && a->start - addr == a->pgoff << PAGE_SHIFT;
        if (ours && (!*file || a->file == *file))
            break;
        a = vm_next(a);
    }
    bool found = a && a->start < end;
    if (found) {
        if (!*file) {
            *file = a->file;
            file_get(a->file);
        }
        part[0] = a->start;
        part[1] = a->end;
    }
    rwsem_read_unlock(&mm->lock);
    return found;
}

int shm_detach(uaddr_t addr)
{
    struct file *f = NULL;
    uaddr_t part[2], end = ~0ul;
    if (addr % PAGE_SIZE || !find_part(addr, addr, end, &f, part))
        return -EINVAL;
    end = addr + (u64)f->inode->size;
    do {
        (void)vm_unmap(current_thread()->mm, part[0], part[1] - part[0]);
    } while (find_part(addr, part[1], end, &f, part));
    file_put(f);
    return 0;
}

/* ---- control ---- */

static void fill(const struct ipc_object *o, void *to)
{
    const struct segment *s = container_of(o, struct segment, ipc);
    struct shmid64_ds *out = to;
    ipc_fill_perm(o, &out->shm_perm);
    out->shm_segsz = s->size;
    out->shm_atime = s->atime;
    out->shm_dtime = s->dtime;
    out->shm_ctime = o->ctime;
    out->shm_cpid = s->creator;
    out->shm_lpid = s->last;
    out->shm_nattch = atomic_read(&s->attached);
}

int shm_stat(int id, int cmd, struct shmid64_ds *out)
{
    memset(out, 0, sizeof(*out));
    return ipc_stat(&ids, id, cmd, SHM_STAT_ANY, fill, out);
}

int shm_set(int id, const struct shmid64_ds *ds)
{
    return ipc_set(&ids, id, &ds->shm_perm, NULL, NULL);
}

static void destroy_unattached(struct ipc_object *o)
{
    if (!atomic_read(&segment_of(o)->attached)) {
        destroy(segment_of(o));
        return;
    }
    o->mode |= SHM_DEST;
    o->key = IPC_PRIVATE;
}

int shm_remove(int id)
{
    return ipc_destroy(&ids, id, destroy_unattached);
}

int shm_lock(int id, bool on)
{
    struct ipc_object *o;
    mutex_lock(&ids.lock);
    int err = ipc_find(&ids, id, 0, &o);
    if (!err && !capable(CAP_IPC_LOCK) && (!ipc_is_owner(o) || (on && !rlimit(RLIMIT_MEMLOCK))))
        err = -EPERM;
    if (!err && on)
        err = lock_pages(segment_of(o));
    else if (!err)
        unlock_pages(segment_of(o));
    if (!err)
        o->mode = on ? o->mode | SHM_LOCKED : o->mode & ~(u32)SHM_LOCKED; /* nothing is paged out as it is */
    mutex_unlock(&ids.lock);
    return err;
}

int shm_limits(struct shminfo64 *out)
{
    memset(out, 0, sizeof(*out));
    mutex_lock(&ids.lock);
    out->shmmax = shmmax;
    out->shmmin = 1;
    out->shmmni = out->shmseg = ids.limit;
    out->shmall = shmall;
    int last = ipc_last_slot(&ids);
    mutex_unlock(&ids.lock);
    return last;
}

int shm_info(struct shm_info *out)
{
    struct ipc_object *o;
    memset(out, 0, sizeof(*out));
    mutex_lock(&ids.lock);
    out->used_ids = (int)ids.used;
    out->shm_tot = total_pages;
    for (u32 i = 0; (o = ipc_next(&ids, &i));)
        out->shm_rss += resident(segment_of(o));
    int last = ipc_last_slot(&ids);
    mutex_unlock(&ids.lock);
    return last;
}

static void line(struct seq_buf *b, const struct ipc_object *o)
{
    const struct segment *s = container_of(o, struct segment, ipc);
    seq_printf(b, "%21llu %5u %5u  %5llu %5u %5u %5u %5u %10lld %10lld %10lld %21llu %21u\n",
               (unsigned long long)s->size, s->creator, s->last, (unsigned long long)atomic_read(&s->attached), o->uid,
               o->gid, o->cuid, o->cgid, (long long)s->atime, (long long)s->dtime, (long long)o->ctime,
               (unsigned long long)resident(s) << PAGE_SHIFT, 0);
}

void shm_init(void)
{
    static struct ipc_limit max = {&shmmax, 0, ~0ull}, all = {&shmall, 0, ~0ull}, mni = {&ids.limit, 0, IPC_SLOTS};
    static struct ipc_table table = {
        &ids,
        "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid"
        "      atime      dtime      ctime                   rss                  swap\n",
        line,
    };
    ipc_register_limit("sys/kernel/shmmax", &max);
    ipc_register_limit("sys/kernel/shmall", &all);
    ipc_register_limit("sys/kernel/shmmni", &mni);
    ipc_register_table("sysvipc/shm", &table);
}
