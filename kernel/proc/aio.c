// SPDX-License-Identifier: MIT
/*
 * Asynchronous I/O: contexts and their rings.
 *
 * A context is a ring of events that its process has mapped: at the address that names it. Whoever completes a request
 * writes the event at `tail`; whoever wants events takes them at the ring's `head`, in io_getevents or, unseen by the
 * kernel, in user space. All that the kernel believes of the ring is `head`, modulo its size.
 *
 * A request gets its place before it begins (aio_begin), so that its event is never lost: those under way and those in
 * the ring together are fewer than the ring's events.
 *
 * Life: io_setup → io_destroy, or the end of the mm (exec, exit), whichever comes first: off the list, dead, what waits
 * for files is cancelled. io_destroy waits for what is under way; the end of an mm does not. The memory goes with the last
 * reference. A ring that was unmapped or moved by its owner names nothing, or is named by its new address.
 *
 * Locks: contexts_lock covers the list of every mm and the sum of what was asked for; ctx.reap who takes events; ctx.lock
 * the rest. contexts_lock → ctx.lock.
 */
#include "abi/errno.h"
#include "abi/mman.h"
#include "arch/cpu.h"
#include "arch/usercopy.h"
#include "fs/eventfd.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/aio_internal.h"
#include "proc/ipc.h"
#include "proc/process.h"
#include "vm/mm.h"

#define EVENTS_A_PAGE (PAGE_SIZE / sizeof(struct io_event))
#define HARD_EVENTS (0x10000000u / sizeof(struct io_event))
#define EVENTS_A_CPU 4u /* a ring is never smaller, Linux says, than what all CPUs keep in hand */

static struct spinlock contexts_lock = SPINLOCK_INIT(LOCK_AIO_LIST);
static u64 aio_nr;             /* (contexts_lock) */
static u64 aio_max_nr = 65536; /* root sets it */

/* ---- the ring's memory ---- */

static struct aio_ring *ring_of(const struct aio_ctx *ctx)
{
    return page_addr(ctx->pages[0]);
}

static struct io_event *event_at(const struct aio_ctx *ctx, u32 i)
{
    u32 at = i + (u32)(sizeof(struct aio_ring) / sizeof(struct io_event));
    return (struct io_event *)page_addr(ctx->pages[at / EVENTS_A_PAGE]) + at % EVENTS_A_PAGE;
}

static u32 head_of(const struct aio_ctx *ctx)
{
    return READ_ONCE(ring_of(ctx)->head) % ctx->size;
}

static void free_ctx(struct aio_ctx *ctx)
{
    for (u32 i = 0; i < ctx->npages; i++)
        page_put(ctx->pages[i]);
    kfree(ctx);
}

void aio_put(struct aio_ctx *ctx)
{
    if (ref_put(&ctx->refs))
        free_ctx(ctx);
}

u32 aio_ring_size(const struct aio_ctx *ctx)
{
    return ctx->size;
}

static struct aio_ctx *ctx_of(struct mapping *m)
{
    return container_of(m, struct aio_ctx, mapping);
}

static int ring_get_page(struct mapping *m, u64 index, bool write, struct page **out)
{
    struct aio_ctx *ctx = ctx_of(m);
    (void)write;
    if (index >= ctx->npages)
        return -EFAULT;
    page_get(ctx->pages[index]);
    *out = ctx->pages[index];
    return 0;
}

static const struct mapping_ops ring_mapping_ops = {.get_page = ring_get_page};

static void ring_open(struct vm_area *a)
{
    ref_get(&ctx_of(a->mapping)->refs);
}

static void ring_close(struct vm_area *a)
{
    aio_put(ctx_of(a->mapping));
}

static int ring_describe(struct vm_area *a, char *buf, size_t size, u64 *dev, u64 *ino)
{
    *dev = 1;
    *ino = 1024 + ((u64)a->mapping >> 6 & 0xffff);
    return (int)MIN(str_copy(buf, "/[aio] (deleted)", size), size - 1);
}

static const struct vm_area_ops ring_ops = {.open = ring_open, .close = ring_close, .describe = ring_describe};

/* ---- making ---- */

static struct aio_ctx *alloc_ctx(u32 npages)
{
    struct aio_ctx *ctx = kzalloc(sizeof(*ctx) + npages * sizeof(struct page *), MEM_WAIT);
    if (!ctx)
        return NULL;
    for (; ctx->npages < npages; ctx->npages++) {
        struct page *p = page_alloc(0, MEM_USER | MEM_ZERO);
        if (!p) {
            free_ctx(ctx);
            return NULL;
        }
        ctx->pages[ctx->npages] = p;
    }
    ref_init(&ctx->refs);
    mapping_init(&ctx->mapping, &ring_mapping_ops);
    mutex_init(&ctx->reap, LOCK_AIO_REAP);
    spin_init(&ctx->lock, LOCK_AIO);
    list_init(&ctx->polls);
    waitq_init(&ctx->wait);
    waitq_init(&ctx->idle);
    return ctx;
}

static void fill_ring(struct aio_ctx *ctx)
{
    *ring_of(ctx) = (struct aio_ring){
        .id = ctx->id,
        .nr = ctx->size,
        .magic = AIO_RING_MAGIC,
        .compat_features = AIO_RING_COMPAT_FEATURES,
        .incompat_features = AIO_RING_INCOMPAT_FEATURES,
        .header_length = sizeof(struct aio_ring),
    };
}

/* Into the calling process's list, which is in the order of the numbers, with the lowest free one. */
static int enlist(struct aio_ctx *ctx)
{
    struct aio_ctx *c;
    int err = 0;
    spin_lock(&contexts_lock);
    if (aio_nr + ctx->asked > aio_max_nr) {
        err = -EAGAIN;
    } else {
        aio_nr += ctx->asked;
        list_for_each (c, &ctx->mm->aio, link) {
            if (c->id != ctx->id)
                break;
            ctx->id++;
        }
        list_add_tail(&c->link, &ctx->link); /* before it, or at the end */
    }
    spin_unlock(&contexts_lock);
    return err;
}

/* true: the caller took it off the list, and with it the list's reference. */
static bool kill(struct aio_ctx *ctx)
{
    spin_lock(&contexts_lock);
    bool was_alive = !ctx->dead;
    if (was_alive) {
        WRITE_ONCE(ctx->dead, true);
        list_del(&ctx->link);
        aio_nr -= ctx->asked;
    }
    spin_unlock(&contexts_lock);
    if (was_alive) {
        aio_cancel_all(ctx);
        waitq_wake_all(&ctx->wait);
    }
    return was_alive;
}

static int map_ring(struct aio_ctx *ctx, uaddr_t *out)
{
    struct vm_map_args args = {
        .len = (u64)ctx->npages << PAGE_SHIFT,
        .prot = PROT_READ | PROT_WRITE,
        .flags = MAP_SHARED,
        .mapping = &ctx->mapping,
        .may = VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC,
        .ops = &ring_ops,
        .vm_flags = VM_SPECIAL,
    };
    return vm_map(ctx->mm, &args, out);
}

/* The last thread has left mm. */
static void end_of_mm(struct mm *mm)
{
    while (!list_empty(&mm->aio)) {
        struct aio_ctx *ctx = list_first(&mm->aio, struct aio_ctx, link);
        if (kill(ctx))
            aio_put(ctx);
    }
}

int aio_setup(u32 events, uaddr_t *out)
{
    u32 n = MAX(events, cpu_count * EVENTS_A_CPU) * 2;
    if (n > HARD_EVENTS)
        return -EINVAL;
    if (!n || events > aio_max_nr)
        return -EAGAIN;
    n += 2; /* as Linux: the ring's size is seen */
    struct aio_ctx *ctx = alloc_ctx(1 + n / EVENTS_A_PAGE);
    if (!ctx)
        return -ENOMEM;
    mm_end_hook = end_of_mm;
    ctx->mm = current_thread()->mm;
    ctx->asked = events;
    ctx->size = ctx->npages * (u32)EVENTS_A_PAGE - 1;
    int err = enlist(ctx);
    if (err) {
        aio_put(ctx);
        return err;
    }
    fill_ring(ctx);
    err = map_ring(ctx, out);
    if (err && kill(ctx))
        aio_put(ctx);
    return err;
}

/* ---- finding and ending ---- */

int aio_find(uaddr_t at, struct aio_ctx **out)
{
    struct mm *mm = current_thread()->mm;
    struct aio_ctx *ctx = NULL;
    u32 id;
    if (get_user_u32(&id, at))
        return -EINVAL;
    rwsem_read_lock(&mm->lock);
    struct vm_area *a = vm_find(mm, at);
    if (a && a->start == at && a->ops == &ring_ops && !a->pgoff) {
        ctx = ctx_of(a->mapping);
        if (ctx->mm == mm && ctx->id == id && !READ_ONCE(ctx->dead))
            ref_get(&ctx->refs);
        else
            ctx = NULL;
    }
    rwsem_read_unlock(&mm->lock);
    *out = ctx;
    return ctx ? 0 : -EINVAL;
}

int aio_destroy(uaddr_t at)
{
    struct aio_ctx *ctx;
    int err = aio_find(at, &ctx);
    if (err)
        return err;
    if (kill(ctx)) {
        (void)vm_unmap(ctx->mm, at, (u64)ctx->npages << PAGE_SHIFT);
        wait_event(&ctx->idle, !READ_ONCE(ctx->in_flight));
        aio_put(ctx);
    } else {
        err = -EINVAL;
    }
    aio_put(ctx);
    return err;
}

/* ---- requests ---- */

int aio_begin(struct aio_ctx *ctx, struct aio_request *r)
{
    spin_lock(&ctx->lock);
    u32 unread = (ctx->tail + ctx->size - head_of(ctx)) % ctx->size;
    bool room = ctx->in_flight + unread < ctx->size - 1;
    if (room)
        ctx->in_flight++;
    spin_unlock(&ctx->lock);
    if (!room)
        return -EAGAIN;
    ref_get(&ctx->refs);
    *r = (struct aio_request){.ctx = ctx};
    return 0;
}

static void end_request(struct aio_request *r, bool last)
{
    if (last)
        waitq_wake_all(&r->ctx->idle);
    if (r->eventfd)
        file_put(r->eventfd);
    aio_put(r->ctx);
}

void aio_forget(struct aio_request *r)
{
    spin_lock(&r->ctx->lock);
    bool last = !--r->ctx->in_flight;
    spin_unlock(&r->ctx->lock);
    end_request(r, last);
}

void aio_complete(struct aio_request *r, s64 result)
{
    struct aio_ctx *ctx = r->ctx;
    spin_lock(&ctx->lock);
    *event_at(ctx, ctx->tail) = (struct io_event){.data = r->data, .obj = r->obj, .res = result};
    u32 tail = (ctx->tail + 1) % ctx->size;
    store_release(&ctx->tail, tail);
    store_release(&ring_of(ctx)->tail, tail);
    bool last = !--ctx->in_flight;
    spin_unlock(&ctx->lock);
    if (r->eventfd)
        eventfd_signal(r->eventfd);
    waitq_wake_all(&ctx->wait);
    end_request(r, last);
}

/* ---- taking events ---- */

static bool has_events(const struct aio_ctx *ctx)
{
    return head_of(ctx) != load_acquire(&ctx->tail);
}

/* How many events from `head` lie beside each other. */
static u32 run_length(const struct aio_ctx *ctx, u32 head, u32 tail)
{
    u32 end = head < tail ? tail : ctx->size;
    u32 to_page_end = (u32)EVENTS_A_PAGE - (head + 1) % (u32)EVENTS_A_PAGE; /* the header has the place of one */
    return MIN(end - head, to_page_end);
}

/* Up to `max` of those that are there: how many; -EFAULT when nothing could be copied. */
static long reap(struct aio_ctx *ctx, s64 max, uaddr_t events)
{
    s64 done = 0;
    int err = 0;
    mutex_lock(&ctx->reap);
    u32 head = head_of(ctx), tail = load_acquire(&ctx->tail);
    while (done < max && head != tail) {
        u32 n = (u32)MIN(max - done, (s64)run_length(ctx, head, tail));
        err = copy_to_user(events + (u64)done * sizeof(struct io_event), event_at(ctx, head),
                           n * sizeof(struct io_event));
        if (err)
            break;
        done += n;
        head = (head + n) % ctx->size;
    }
    if (done)
        store_release(&ring_of(ctx)->head, head);
    mutex_unlock(&ctx->reap);
    return done ? done : err;
}

long aio_get_events(struct aio_ctx *ctx, s64 min, s64 max, uaddr_t events, ns_t deadline)
{
    s64 done = 0;
    long err = 0;
    for (;;) {
        long n = reap(ctx, max - done, events + (u64)done * sizeof(struct io_event));
        if (n > 0)
            done += n;
        else if (n < 0)
            err = n;
        if (!err && READ_ONCE(ctx->dead))
            err = -EINVAL;
        if (err || done >= min || !deadline)
            break;
        err = wait_event_deadline(&ctx->wait, has_events(ctx) || READ_ONCE(ctx->dead), deadline);
        if (err == -ETIMEDOUT) {
            err = 0;
            break;
        }
        if (err)
            break;
    }
    return done ? done : err;
}

/* ---- limits ---- */

static int show_nr(struct seq_buf *b, void *arg)
{
    (void)arg;
    seq_printf(b, "%llu\n", (unsigned long long)READ_ONCE(aio_nr));
    return 0;
}

void aio_init(void)
{
    static const struct ipc_limit limit = {&aio_max_nr, 0, INT64_MAX};
    ipc_register_limit("sys/fs/aio-max-nr", &limit);
    proc_register("sys/fs/aio-nr", 0444, show_nr, NULL, NULL);
}
