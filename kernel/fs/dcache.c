// SPDX-License-Identifier: MIT
/*
 * The dentry cache. States and invariants: fs/dcache.h.
 *
 * Locks: a parent's dentry.lock covers its list of children; a hash lock covers the chains of its buckets. The order is
 * parent → hash. The shrinker works the other way round, so it first freezes a victim (count 1 → 0) under the hash lock,
 * which nobody can undo, and leaves the list of children afterwards.
 */
#include "fs/dcache.h"

#include "abi/errno.h"
#include "fs/inotify.h"
#include "fs/mount.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"

#define HASH_LOCKS 64u
#define WORD_ONES 0x0101010101010101ul
#define WORD_HIGHS 0x8080808080808080ul
#define HASH_PRIME 0x9e3779b97f4a7c15ul

struct dname_heap {
    struct rcu_head rcu;
    struct dname name;
};

static SLAB_CACHE(dentry_cache, "dentry", struct dentry);
static struct dentry **table;
static u32 table_mask;
static struct spinlock hash_locks[HASH_LOCKS];
static u32 clock_hand; /* the shrinker's next bucket */
static struct spinlock walk_lock = SPINLOCK_INIT(LOCK_WALK);
struct seqcount walk_seq;

void walk_seq_write_begin(void)
{
    spin_lock(&walk_lock);
    seq_write_begin(&walk_seq);
}

void walk_seq_write_end(void)
{
    seq_write_end(&walk_seq);
    spin_unlock(&walk_lock);
}

void dcache_init(void)
{
    struct mem_stats st;
    u32 order = 1; /* 1024 buckets */

    mem_get_stats(&st);
    while (order < 7 && (1024u << order) < st.total_pages / 16)
        order++;
    table = pages_alloc(order, MEM_WAIT | MEM_ZERO);
    if (!table)
        panic("no memory for the dentry cache");
    table_mask = (u32)((PAGE_SIZE << order) / sizeof(*table)) - 1;
    for (u32 i = 0; i < HASH_LOCKS; i++)
        spin_init(&hash_locks[i], LOCK_DENTRY_HASH);
}

/* ---- names and hashes ------------------------------------------------------------------------------------------------ */

static inline u64 load_word(const char *s)
{
    u64 w;
    __builtin_memcpy(&w, s, sizeof(w));
    return w;
}

static __attribute__((noinline, cold)) u64 load_bytes(const char *s, u32 n)
{
    u64 w = 0;

    for (u32 i = 0; i < n; i++) {
        w |= (u64)(u8)s[i] << (8 * i);
        if (!s[i])
            break;
    }
    return w;
}

/* The bytes up to a NUL, or n of them, and anything behind; never leaves their page. */
static inline __unchecked u64 load_word_safe(const char *s, u32 n)
{
    u64 w;

    if (unlikely(((u64)s & (PAGE_SIZE - 1)) > PAGE_SIZE - 8))
        return load_bytes(s, n);
    __builtin_memcpy(&w, s, sizeof(w));
    return w;
}

static inline u64 mix(u64 h, u64 w)
{
    h = (h ^ w) * HASH_PRIME;
    return h ^ (h >> 29);
}

static inline u64 zero_bytes(u64 w)
{
    return (w - WORD_ONES) & ~w & WORD_HIGHS;
}

u32 component_hash(const char *s, u32 *len)
{
    u64 h = 0;
    u32 n = 0;

    for (;; n += 8) {
        u64 w = load_word_safe(s + n, 8);
        u64 end = zero_bytes(w) | zero_bytes(w ^ ('/' * WORD_ONES));
        if (end) {
            u32 bits = (u32)__builtin_ctzl(end) & ~7u;
            if (bits)
                h = mix(h, w & ((1ul << bits) - 1));
            *len = n + bits / 8;
            return (u32)(h ^ (h >> 32));
        }
        h = mix(h, w);
    }
}

u32 name_hash(const char *s, u32 len)
{
    u64 h = 0, w = 0;

    for (; len >= 8; len -= 8, s += 8)
        h = mix(h, load_word(s));
    for (u32 i = 0; i < len; i++)
        w |= (u64)(u8)s[i] << (8 * i);
    if (len)
        h = mix(h, w);
    return (u32)(h ^ (h >> 32));
}

static inline u32 full_hash(const struct dentry *parent, u32 hash)
{
    return (u32)((((u64)parent >> 6) + hash) * HASH_PRIME >> 32);
}

/* `name` has 7 readable bytes behind its end (dname), s ends with NUL or '/' in its page. */
static inline bool same_name(const char *name, const char *s, u32 len)
{
    for (; len >= 8; len -= 8, name += 8, s += 8)
        if (load_word(name) != load_word(s))
            return false;
    return !len || !((load_word(name) ^ load_word_safe(s, len)) << (64 - 8 * len));
}

static void free_name_rcu(struct rcu_head *h)
{
    kfree(container_of(h, struct dname_heap, rcu));
}

int dentry_prepare_name(const char *s, u32 len, const struct dname **out)
{
    struct dname_heap *n = kmalloc(sizeof(*n) + len + 8ul, MEM_WAIT);

    if (!n)
        return -ENOMEM;
    n->name.len = (u16)len;
    memcpy(n->name.s, s, len);
    n->name.s[len] = 0;
    *out = &n->name;
    return 0;
}

void dentry_free_name(const struct dname *n)
{
    if (n)
        kfree(container_of(n, struct dname_heap, name));
}

static inline const struct dname *inline_name(const struct dentry *d)
{
    return (const struct dname *)&d->inline_name;
}

static void drop_name(const struct dentry *d, const struct dname *n)
{
    if (n != inline_name(d))
        rcu_call(&container_of(n, struct dname_heap, name)->rcu, free_name_rcu);
}

/* ---- the hash -------------------------------------------------------------------------------------------------------- */

static inline struct spinlock *bucket_lock(u32 hash)
{
    return &hash_locks[hash & (HASH_LOCKS - 1)];
}

static void hash_insert(struct dentry *d)
{
    struct dentry **bucket = &table[d->hash & table_mask];

    spin_lock(bucket_lock(d->hash));
    d->hash_next = *bucket;
    store_release(bucket, d);
    spin_unlock(bucket_lock(d->hash));
}

static void hash_unlink_locked(struct dentry *d)
{
    struct dentry **p = &table[d->hash & table_mask];

    while (*p != d)
        p = &(*p)->hash_next;
    store_release(p, d->hash_next); /* d->hash_next stays for readers that stand on d */
}

static void hash_remove(struct dentry *d)
{
    spin_lock(bucket_lock(d->hash));
    hash_unlink_locked(d);
    spin_unlock(bucket_lock(d->hash));
}

static inline void set_flags(struct dentry *d, u32 set)
{
    __atomic_fetch_or(&d->flags, set, __ATOMIC_RELAXED);
}

static inline void clear_flags(struct dentry *d, u32 clear)
{
    __atomic_fetch_and(&d->flags, ~clear, __ATOMIC_RELAXED);
}

struct dentry *dcache_find(const struct dentry *parent, u32 hash, const char *s, u32 len)
{
    u32 h = full_hash(parent, hash);

    for (struct dentry *d = load_acquire(&table[h & table_mask]); d; d = load_acquire(&d->hash_next)) {
        if (d->hash != h || READ_ONCE(d->parent) != parent)
            continue;
        const struct dname *n = load_acquire(&d->name);
        if (n->len == len && same_name(n->s, s, len)) {
            if (unlikely(!(dentry_flags(d) & D_REFERENCED)))
                set_flags(d, D_REFERENCED);
            return d;
        }
    }
    return NULL;
}

struct dentry *dcache_get(struct dentry *parent, u32 hash, const char *s, u32 len)
{
    u32 h = full_hash(parent, hash), seq;
    struct dentry *d;

    rcu_read_lock();
    do { /* a rename elsewhere may carry a walk of this chain into another one, past the name: it would get a second dentry */
        seq = seq_read_begin(&walk_seq);
        for (d = load_acquire(&table[h & table_mask]); d; d = load_acquire(&d->hash_next)) {
            if (d->hash != h || READ_ONCE(d->parent) != parent)
                continue;
            const struct dname *n = load_acquire(&d->name);
            if (n->len == len && same_name(n->s, s, len) && dentry_get_live(d))
                break;
        }
    } while (!d && seq_read_retry(&walk_seq, seq));
    rcu_read_unlock();
    return d;
}

/* ---- life ------------------------------------------------------------------------------------------------------------ */

struct dentry *dentry_alloc(struct dentry *parent, struct super *sb, const char *s, u32 len)
{
    struct dentry *d = slab_alloc(&dentry_cache, MEM_WAIT);

    if (!d)
        return NULL;
    if (len < DNAME_INLINE) {
        d->name = inline_name(d);
        d->inline_name.len = (u16)len;
        memcpy(d->inline_name.s, s, len);
        d->inline_name.s[len] = 0;
    } else if (dentry_prepare_name(s, len, &d->name)) {
        slab_free(&dentry_cache, d);
        return NULL;
    }
    d->hash_next = NULL;
    d->inode = NULL;
    d->sb = sb;
    d->flags = 0;
    d->hash = 0;
    ref_init(&d->refs);
    spin_init(&d->lock, LOCK_DENTRY);
    list_init(&d->children);
    list_init(&d->sibling);
    d->parent = parent ? parent : d;
    if (parent)
        dentry_get(parent);
    return d;
}

static void dentry_free_rcu(struct rcu_head *h)
{
    slab_free(&dentry_cache, container_of(h, struct dentry, rcu));
}

/* d's count is 0 and it is in no list: frees it, and its parents as far as it was their last user. */
static void dentry_free(struct dentry *d)
{
    for (;;) {
        struct dentry *parent = d->parent;
        if (d->inode) {
            inotify_unnamed(d->inode);
            inode_put(d->inode);
        }
        drop_name(d, d->name);
        rcu_call(&d->rcu, dentry_free_rcu);
        if (parent == d || !ref_put(&parent->refs))
            return;
        d = parent;
    }
}

void dentry_put(struct dentry *d)
{
    if (ref_put(&d->refs))
        dentry_free(d);
}

void dentry_add(struct dentry *d)
{
    struct dentry *parent = d->parent;

    d->hash = full_hash(parent, name_hash(d->name->s, d->name->len));
    set_flags(d, D_HASHED | D_REFERENCED);
    dentry_get(d);
    spin_lock(&parent->lock);
    list_add_tail(&parent->children, &d->sibling);
    hash_insert(d);
    spin_unlock(&parent->lock);
}

void dentry_drop(struct dentry *d)
{
    struct dentry *parent = d->parent;

    spin_lock(&parent->lock);
    bool hashed = dentry_flags(d) & D_HASHED;
    if (hashed) {
        clear_flags(d, D_HASHED);
        list_del_init(&d->sibling);
        hash_remove(d);
    }
    spin_unlock(&parent->lock);
    if (hashed)
        dentry_put(d);
}

void dentry_instantiate(struct dentry *d, struct inode *i)
{
    store_release(&d->inode, i);
}

static bool freeze(struct dentry *d, u32 count)
{
    return __atomic_compare_exchange_n(&d->refs.v, &count, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/*
 * The cache's reference and the caller's make 2. While the count is frozen at 0, look-ups without locks fail on d and
 * come back through the directory's lock, which the caller holds.
 */
void dentry_unlink(struct dentry *d)
{
    struct inode *i = d->inode;

    if ((dentry_flags(d) & D_HASHED) && list_empty(&d->children) && freeze(d, 2)) {
        store_release(&d->inode, NULL);
        __atomic_store_n(&d->refs.v, 2, __ATOMIC_RELEASE);
        inotify_unnamed(i);
        inode_put(i);
        return;
    }
    set_flags(d, D_UNLINKED);
    dentry_drop(d);
}

/* ---- renames --------------------------------------------------------------------------------------------------------- */

/* Inside a write section of walk_seq. References to parents are settled by the callers. */
static void set_place(struct dentry *d, struct dentry *parent, const struct dname *name)
{
    spin_lock(&d->parent->lock);
    list_del_init(&d->sibling);
    hash_remove(d);
    spin_unlock(&d->parent->lock);
    WRITE_ONCE(d->parent, parent);
    store_release(&d->name, name);
    WRITE_ONCE(d->hash, full_hash(parent, name_hash(name->s, name->len)));
    spin_lock(&parent->lock);
    list_add_tail(&parent->children, &d->sibling);
    hash_insert(d);
    spin_unlock(&parent->lock);
}

void dentry_move(struct dentry *od, struct dentry *nd, const struct dname *name)
{
    struct dentry *old_parent = od->parent, *new_parent = nd->parent;
    const struct dname *old_name = od->name;

    dentry_get(new_parent);
    if (nd->inode)
        set_flags(nd, D_UNLINKED);
    walk_seq_write_begin();
    dentry_drop(nd); /* the caller holds one more reference: nothing is freed here */
    set_place(od, new_parent, name);
    walk_seq_write_end();
    drop_name(od, old_name);
    dentry_put(old_parent);
}

void dentry_exchange(struct dentry *a, struct dentry *b, const struct dname *a_new, const struct dname *b_new)
{
    struct dentry *ap = a->parent, *bp = b->parent; /* each loses one child and gets one: counts stay */
    const struct dname *an = a->name, *bn = b->name;

    walk_seq_write_begin();
    set_place(a, bp, a_new);
    set_place(b, ap, b_new);
    walk_seq_write_end();
    drop_name(a, an);
    drop_name(b, bn);
}

bool dentry_is_ancestor(const struct dentry *a, const struct dentry *d)
{
    for (; d != a; d = d->parent)
        if (d->parent == d)
            return false;
    return true;
}

/* ---- letting go ------------------------------------------------------------------------------------------------------ */

static struct waitq shrink_wait = WAITQ_INIT(shrink_wait); /* until a dying super has no victims */

static void shrink_end(struct super *sb) /* which may go as soon as it is done */
{
    if (!atomic_sub(&sb->shrinking, 1) && waitq_active(&shrink_wait))
        waitq_wake_all(&shrink_wait);
}

/* Victims are chained through rcu.next: readers may still stand on them, so hash_next must stay. */
static void victims_add(struct dentry **list, struct dentry *d)
{
    d->rcu.next = (struct rcu_head *)*list;
    *list = d;
}

/*
 * A victim of the shrinker is in no list where an umount would look for it, but its super must stay until it is freed.
 *
 *   shrinker                          umount (super_put)
 *   super.shrinking++                 super.dying = 1
 *   super.dying? then not this one    waits until shrinking == 0
 *   freezes it, frees it              drops what is cached
 *   super.shrinking--
 */
static bool shrink_begin(struct super *sb)
{
    (void)atomic_add(&sb->shrinking, 1);
    if (likely(!__atomic_load_n(&sb->dying, __ATOMIC_SEQ_CST)))
        return true;
    shrink_end(sb);
    return false;
}

void dcache_wait_shrinker(struct super *sb)
{
    __atomic_store_n(&sb->dying, 1, __ATOMIC_SEQ_CST);
    wait_event(&shrink_wait, !atomic_read(&sb->shrinking));
}

static void victims_free(struct dentry *list)
{
    for (struct dentry *next; list; list = next) {
        next = (struct dentry *)list->rcu.next;
        dentry_free(list);
    }
}

void dentry_drop_children(struct dentry *d)
{
    struct dentry *victims = NULL, *c, *tmp;

    spin_lock(&d->lock);
    list_for_each_safe (c, tmp, &d->children, sibling) {
        spin_lock(bucket_lock(c->hash));
        if ((dentry_flags(c) & D_HASHED) && freeze(c, 1)) {
            clear_flags(c, D_HASHED);
            hash_unlink_locked(c);
            list_del_init(&c->sibling);
            victims_add(&victims, c);
        }
        spin_unlock(bucket_lock(c->hash));
    }
    spin_unlock(&d->lock);
    victims_free(victims);
}

/* Takes d out of the hash when its count is `count`: false: it has other users. */
static bool freeze_hashed(struct dentry *d, u32 count)
{
    spin_lock(bucket_lock(d->hash));
    bool ok = (dentry_flags(d) & D_HASHED) && freeze(d, count);
    if (ok) {
        clear_flags(d, D_HASHED);
        hash_unlink_locked(d);
    }
    spin_unlock(bucket_lock(d->hash));
    return ok;
}

/* Frees d (frozen, unhashed), and the directories above it that nothing else keeps. */
static void drop_upwards(struct dentry *d)
{
    for (;;) {
        struct dentry *parent = d->parent;
        dentry_get(parent);
        spin_lock(&parent->lock);
        list_del_init(&d->sibling);
        spin_unlock(&parent->lock);
        dentry_free(d);
        if (!freeze_hashed(parent, 2)) { /* the cache's reference and ours */
            dentry_put(parent);
            return;
        }
        d = parent;
    }
}

/* An unused dentry of sb in bucket b, frozen. */
static struct dentry *find_unused(u32 b, const struct super *sb)
{
    struct dentry *d;

    spin_lock(&hash_locks[b & (HASH_LOCKS - 1)]);
    for (d = table[b]; d && !(d->sb == sb && freeze(d, 1)); d = d->hash_next)
        continue;
    if (d) {
        clear_flags(d, D_HASHED);
        hash_unlink_locked(d);
    }
    spin_unlock(&hash_locks[b & (HASH_LOCKS - 1)]);
    return d;
}

void dcache_drop_super(struct super *sb)
{
    struct dentry *d;

    for (u32 b = 0; b <= table_mask; b++) {
        while (READ_ONCE(table[b]) && (d = find_unused(b, sb)))
            drop_upwards(d);
        cond_resched();
    }
}

static struct dentry *shrink_bucket(u32 b, struct dentry *victims)
{
    spin_lock(&hash_locks[b & (HASH_LOCKS - 1)]);
    struct dentry **p = &table[b];
    for (struct dentry *d; (d = *p);) {
        if (dentry_flags(d) & D_REFERENCED) {
            clear_flags(d, D_REFERENCED);
        } else if (shrink_begin(d->sb)) {
            if (freeze(d, 1)) {
                clear_flags(d, D_HASHED);
                store_release(p, d->hash_next);
                victims_add(&victims, d);
                continue;
            }
            shrink_end(d->sb);
        }
        p = &d->hash_next;
    }
    spin_unlock(&hash_locks[b & (HASH_LOCKS - 1)]);
    return victims;
}

static u64 shrink_free(struct dentry *list)
{
    u64 n = 0;

    for (struct dentry *next; list; list = next, n++) {
        struct super *sb = list->sb;
        next = (struct dentry *)list->rcu.next;
        spin_lock(&list->parent->lock);
        list_del_init(&list->sibling);
        spin_unlock(&list->parent->lock);
        dentry_free(list);
        shrink_end(sb);
    }
    return n;
}

u64 dcache_shrink(u64 want)
{
    u64 done = 0;

    for (u64 scanned = 0; scanned <= 2ul * table_mask + 1 && done < want; scanned++) {
        u32 b = __atomic_fetch_add(&clock_hand, 1, __ATOMIC_RELAXED) & table_mask;
        if (READ_ONCE(table[b]))
            done += shrink_free(shrink_bucket(b, NULL));
    }
    return done;
}
