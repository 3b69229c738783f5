// SPDX-License-Identifier: MIT
/* What belongs nowhere else: identity, limits, usage, futexes, random numbers, the machine's end. */
#include "abi/errno.h"
#include "abi/futex.h"
#include "abi/resource.h"
#include "abi/uio.h"
#include "arch/irq.h"
#include "arch/usercopy.h"
#include "drivers/random.h"
#include "fs/vfs.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/futex.h"
#include "proc/process.h"
#include "proc/uts.h"
#include "syscall/sys.h"
#include "syscall/timespec.h"
#include "tty/tty.h"
#include "vm/mm.h"
#include "vm/uio.h"

#include <linux/personality.h>
#include <linux/random.h>
#include <linux/reboot.h>

/* ---- identity ---- */

/* UNAME26, for programs that take a greater number for too old: 6.6.0-x is told as 2.6.66-x. */
static void as_2_6(char *release, size_t size)
{
    char rest[__NEW_UTS_LEN + 1];
    const char *p = release, *minor = strchr(release, '.');
    u64 n = 0;
    u32 dots = 0;
    if (minor)
        (void)str_to_u64(minor + 1, 10, &n, NULL);
    for (; *p && (*p == '.' || (*p >= '0' && *p <= '9')); p++)
        if (*p == '.' && ++dots >= 3)
            break;
    str_copy(rest, p, sizeof(rest));
    snprintf(release, size, "2.6.%lu%s", n + 60, rest);
}

long sys_uname(out_k name)
{
    struct new_utsname u;
    uts_get(&u);
    u32 persona = current_process()->personality;
    if (persona & UNAME26)
        as_2_6(u.release, sizeof(u.release));
    if ((persona & PER_MASK) == PER_LINUX32)
        str_copy(u.machine, "i686", sizeof(u.machine));
    return copy_to_user(name, &u, sizeof(u));
}

static long set_name(uaddr_t name, int len, void (*set)(const char *name, size_t n))
{
    char buf[__NEW_UTS_LEN];
    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (len < 0 || len > __NEW_UTS_LEN)
        return -EINVAL;
    if (copy_from_user(buf, name, (size_t)len))
        return -EFAULT;
    set(buf, (size_t)len);
    return 0;
}

long sys_sethostname(str_k name, int len)
{
    return set_name(name, len, uts_set_hostname);
}

long sys_setdomainname(str_k name, int len)
{
    return set_name(name, len, uts_set_domainname);
}

long sys_personality(hex_k persona)
{
    struct process *p = current_process();
    u32 old = p->personality;
    if (persona != 0xffffffff)
        p->personality = persona;
    return old;
}

long sys_sysinfo(out_k out)
{
    struct mem_stats m;
    struct sysinfo s;
    mem_get_stats(&m);
    memset(&s, 0, sizeof(s));
    s.uptime = (long)(clock_monotonic() / NSEC_PER_SEC);
    for (u32 i = 0; i < 3; i++)
        s.loads[i] = sched_load_avg(i);
    s.totalram = m.total_pages * PAGE_SIZE;
    s.freeram = m.free_pages * PAGE_SIZE;
    s.sharedram = m.shmem_pages * PAGE_SIZE;
    s.procs = (u16)process_thread_total();
    s.mem_unit = 1;
    return copy_to_user(out, &s, sizeof(s));
}

long sys_getcpu(out_k cpu, out_k node, ptr_k unused)
{
    (void)unused;
    u32 id = cpu_id();
    if (cpu && put_user_u32(cpu, id))
        return -EFAULT;
    return node ? put_user_u32(node, 0) : 0;
}

/* ---- limits and usage ---- */

/* The limits of another process: its user's, all ids equal, or CAP_SYS_RESOURCE. */
static bool may_limit(struct process *p)
{
    const struct cred *m = current_cred(), *c;
    if (p == current_process())
        return true;
    c = process_cred_get(p);
    bool same = m->uid == c->euid && m->uid == c->suid && m->uid == c->uid && m->gid == c->egid && m->gid == c->sgid &&
                m->gid == c->gid;
    cred_put(c);
    return same || cred_capable(m, CAP_SYS_RESOURCE);
}

static int set_limit(s32 pid, u32 which, const struct rlimit_k *new, struct rlimit_k *old)
{
    if (which >= RLIMIT_COUNT)
        return -EINVAL;
    if (!pid)
        return process_set_limit(current_process(), which, new, old);
    struct process *p = process_find(pid);
    if (!p)
        return -ESRCH;
    int err = may_limit(p) ? process_set_limit(p, which, new, old) : -EPERM;
    process_put(p);
    return err;
}

long sys_prlimit64(pid_k pid, u32 resource, ptr_k new, out_k old)
{
    struct rlimit_k n, o;
    if (new &&copy_from_user(&n, new, sizeof(n)))
        return -EFAULT;
    int err = set_limit(pid, resource, new ? &n : NULL, &o);
    return !err && old ? copy_to_user(old, &o, sizeof(o)) : err;
}

long sys_getrlimit(u32 resource, out_k limit)
{
    return sys_prlimit64(0, resource, 0, limit);
}

long sys_setrlimit(u32 resource, ptr_k limit)
{
    struct rlimit_k n;
    if (copy_from_user(&n, limit, sizeof(n)))
        return -EFAULT;
    return set_limit(0, resource, &n, NULL);
}

long sys_getrusage(int who, out_k usage)
{
    struct cpu_use u;
    struct rusage r;
    struct process *p = current_process();
    memset(&u, 0, sizeof(u));
    if (who == RUSAGE_SELF) {
        process_cpu_use(p, &u);
    } else if (who == RUSAGE_CHILDREN) {
        rwsem_read_lock(&tasklist_lock);
        u = p->children_use;
        rwsem_read_unlock(&tasklist_lock);
    } else if (who == RUSAGE_THREAD) {
        thread_cpu_use(current_thread(), &u);
        u.maxrss = MAX(mm_rss(current_thread()->mm), current_thread()->mm->hiwater_rss);
    } else {
        return -EINVAL;
    }
    rusage_fill(&r, &u);
    return copy_to_user(usage, &r, sizeof(r));
}

/* ---- futex ---- */

/* FUTEX_WAIT's timeout is relative, the others' are absolute. */
static int futex_deadline(uaddr_t p, u32 cmd, bool realtime, struct deadline *out)
{
    ns_t t;
    *out = (struct deadline){.at = NS_FOREVER};
    if (!p)
        return 0;
    int err = timespec_get(p, &t);
    if (err)
        return err;
    out->at = cmd == FUTEX_WAIT ? deadline_after(t) : t;
    out->base = realtime && cmd != FUTEX_WAIT ? CLOCK_BASE_WALL : CLOCK_BASE_MONO;
    return 0;
}

/* One is woken when none are asked for, or fewer. */
static u32 to_wake(u32 count)
{
    return (s32)count > 0 ? count : 1;
}

static bool futex_has_timeout(u32 cmd)
{
    return cmd == FUTEX_WAIT || cmd == FUTEX_WAIT_BITSET || cmd == FUTEX_LOCK_PI || cmd == FUTEX_LOCK_PI2 ||
           cmd == FUTEX_WAIT_REQUEUE_PI;
}

long sys_futex(ptr_k addr, hex_k op, u32 val, u64 timeout, ptr_k addr2, u32 val3)
{
    u32 cmd = op & FUTEX_CMD_MASK, private = op & FUTEX_PRIVATE_FLAG;
    bool realtime = op & FUTEX_CLOCK_REALTIME;
    struct deadline deadline = {.at = NS_FOREVER};
    int err = futex_has_timeout(cmd) ? futex_deadline(timeout, cmd, realtime || cmd == FUTEX_LOCK_PI, &deadline) : 0;
    if (err)
        return err;
    if (realtime && cmd != FUTEX_WAIT_BITSET && cmd != FUTEX_WAIT_REQUEUE_PI && cmd != FUTEX_LOCK_PI2)
        return -ENOSYS;
    switch (cmd) {
    case FUTEX_WAIT:
        val3 = FUTEX_BITSET_MATCH_ANY;
        __attribute__((fallthrough));
    case FUTEX_WAIT_BITSET:
        return futex_wait(addr, private, val, val3, deadline);
    case FUTEX_WAKE:
        val3 = FUTEX_BITSET_MATCH_ANY;
        __attribute__((fallthrough));
    case FUTEX_WAKE_BITSET:
        return futex_wake(addr, private, to_wake(val), val3);
    case FUTEX_REQUEUE:
        return futex_requeue(addr, addr2, private, val, (u32)timeout, NULL);
    case FUTEX_CMP_REQUEUE:
        return futex_requeue(addr, addr2, private, val, (u32)timeout, &val3);
    case FUTEX_WAKE_OP:
        return futex_wake_op(addr, addr2, private, to_wake(val), to_wake((u32)timeout), val3);
    case FUTEX_LOCK_PI:
    case FUTEX_LOCK_PI2:
        return futex_lock_pi(addr, private, deadline, false);
    case FUTEX_TRYLOCK_PI:
        return futex_lock_pi(addr, private, deadline, true);
    case FUTEX_UNLOCK_PI:
        return futex_unlock_pi(addr, private);
    case FUTEX_WAIT_REQUEUE_PI:
        return futex_wait_requeue_pi(addr, private, val, deadline, addr2);
    case FUTEX_CMP_REQUEUE_PI:
        return futex_cmp_requeue_pi(addr, addr2, private, val, (u32)timeout, val3);
    default:
        return -ENOSYS;
    }
}

#define FUTEX2_SIZE 3u
#define FUTEX2_32 2u

static int get_waiters(struct futex_wait_one *v, uaddr_t p, u32 n)
{
    struct futex_waitv one;
    for (u32 i = 0; i < n; i++) {
        if (copy_from_user(&one, p + i * sizeof(one), sizeof(one)))
            return -EFAULT;
        if ((one.flags & ~(FUTEX2_SIZE | FUTEX_PRIVATE_FLAG)) || one.__reserved ||
            (one.flags & FUTEX2_SIZE) != FUTEX2_32 || one.val >> 32)
            return -EINVAL;
        v[i] = (struct futex_wait_one){one.uaddr, (u32)one.val, one.flags & FUTEX_PRIVATE_FLAG};
    }
    return 0;
}

long sys_futex_waitv(ptr_k waiters, u32 n, u32 flags, timespec_k timeout, clock_k clock)
{
    struct deadline deadline;
    if (flags || !n || n > FUTEX_WAITV_MAX || !waiters)
        return -EINVAL;
    if (timeout && clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME)
        return -EINVAL;
    int err = futex_deadline(timeout, FUTEX_WAIT_BITSET, clock == CLOCK_REALTIME, &deadline);
    if (err)
        return err;
    struct futex_wait_one *v = kmalloc(n * sizeof(*v), MEM_WAIT);
    if (!v)
        return -ENOMEM;
    err = get_waiters(v, waiters, n);
    if (!err)
        err = futex_wait_multiple(v, n, deadline);
    kfree(v);
    return err;
}

/* ---- random numbers ---- */

long sys_getrandom(out_k buf, size_t len, u32 flags)
{
    u8 chunk[256];
    size_t done = 0;
    const u32 both = GRND_RANDOM | GRND_INSECURE;
    if ((flags & ~(GRND_NONBLOCK | both)) || (flags & both) == both)
        return -EINVAL;
    len = MIN(len, (size_t)INT32_MAX);
    while (done < len) {
        size_t n = MIN(len - done, sizeof(chunk));
        random_bytes(chunk, n);
        size_t missed = copy_to_user_partial(buf + done, chunk, n);
        done += n - missed;
        if (missed)
            break;
        if (done % PAGE_SIZE == 0 && signal_pending())
            break;
        cond_resched();
    }
    memset(chunk, 0, sizeof(chunk));
    barrier();
    return done || !len ? (long)done : -EFAULT;
}

/* ---- other processes' memory ---- */

static int find_mm(s32 pid, struct mm **out)
{
    struct process *p = process_find(pid);
    if (!p)
        return -ESRCH;
    int err = process_mm_to_trace(p, out);
    process_put(p);
    return err ? -EPERM : *out ? 0 : -ESRCH;
}

/* Moves bytes between the caller's iovec and one range of mm. */
static ssize_t move(struct uio *local, struct mm *mm, uaddr_t at, size_t len, bool write, char *page)
{
    size_t done = 0;
    while (done < len && local->resid) {
        size_t n = MIN(MIN(len - done, local->resid), PAGE_SIZE);
        if (write && uio_copy_from(local, page, n) != n)
            return done ? (ssize_t)done : -EFAULT;
        ssize_t got = mm_access(mm, at + done, page, n, write, false);
        if (got <= 0)
            return done ? (ssize_t)done : -EFAULT;
        if (!write && uio_copy_to(local, page, (size_t)got) != (size_t)got)
            return done ? (ssize_t)done : -EFAULT;
        done += (size_t)got;
        if ((size_t)got < n)
            break;
        cond_resched();
    }
    return (ssize_t)done;
}

static long move_all(struct mm *mm, struct uio *local, uaddr_t remote, u64 nremote, bool write)
{
    long total = 0;
    char *page = pages_alloc(0, MEM_WAIT);
    if (!page)
        return -ENOMEM;
    for (u64 i = 0; i < nremote && local->resid; i++) {
        struct iovec v;
        ssize_t n = copy_from_user(&v, remote + i * sizeof(v), sizeof(v));
        if (!n)
            n = move(local, mm, (uaddr_t)v.iov_base, v.iov_len, write, page);
        if (n < 0) {
            total = total ? total : n;
            break;
        }
        total += n;
        if ((size_t)n < v.iov_len)
            break;
    }
    pages_free(page, 0);
    return total;
}

static long process_vm(s32 pid, uaddr_t local, u64 nlocal, uaddr_t remote, u64 nremote, u64 flags, bool write)
{
    struct uio u;
    struct mm *mm;
    if (flags || nremote > UIO_MAXIOV)
        return -EINVAL;
    int err = uio_init_iovec(&u, local, nlocal);
    if (err)
        return err;
    long ret = find_mm(pid, &mm);
    if (!ret) {
        ret = move_all(mm, &u, remote, nremote, write);
        mm_put_user(mm);
    }
    uio_free(&u);
    return ret;
}

long sys_process_vm_readv(pid_k pid, ptr_k local, u64 nlocal, ptr_k remote, u64 nremote, u64 flags)
{
    return process_vm(pid, local, nlocal, remote, nremote, flags, false);
}

long sys_process_vm_writev(pid_k pid, ptr_k local, u64 nlocal, ptr_k remote, u64 nremote, u64 flags)
{
    return process_vm(pid, local, nlocal, remote, nremote, flags, true);
}

/* ---- the machine ---- */

long sys_reboot(hex_k magic1, hex_k magic2, hex_k cmd, ptr_k arg)
{
    (void)arg;
    if (!capable(CAP_SYS_BOOT))
        return -EPERM;
    if (magic1 != LINUX_REBOOT_MAGIC1 || (magic2 != LINUX_REBOOT_MAGIC2 && magic2 != LINUX_REBOOT_MAGIC2A &&
                                          magic2 != LINUX_REBOOT_MAGIC2B && magic2 != LINUX_REBOOT_MAGIC2C))
        return -EINVAL;
    switch (cmd) {
    case LINUX_REBOOT_CMD_RESTART:
    case LINUX_REBOOT_CMD_HALT:
    case LINUX_REBOOT_CMD_POWER_OFF:
        process_container_end(0);
    case LINUX_REBOOT_CMD_CAD_ON:
    case LINUX_REBOOT_CMD_CAD_OFF:
        return 0;
    default:
        return -EINVAL;
    }
}

long sys_iopl(u32 level)
{
    return level > 3 ? -EINVAL : level == 0 ? 0 : -EPERM;
}

long sys_ioperm(u64 from, u64 count, int on)
{
    if (from + count <= from || from + count > 65536)
        return -EINVAL;
    return on ? -EPERM : 0;
}

long sys_vhangup(void)
{
    if (!capable(CAP_SYS_TTY_CONFIG))
        return -EPERM;
    tty_vhangup_self();
    return 0;
}

/* ---- the kernel's log ---- */

#define LOG_BYTES 65536

/* The last `len` bytes of the log. */
static long read_log(uaddr_t buf, size_t len)
{
    char *text = kmalloc(LOG_BYTES, MEM_WAIT), line[512];
    size_t n = 0, got;
    u64 seq = 0;
    if (!text)
        return -ENOMEM;
    while ((got = klog_read(&seq, line, sizeof(line)))) {
        if (n + got > LOG_BYTES) { /* keep the newer half */
            memmove(text, text + n / 2, n - n / 2);
            n -= n / 2;
        }
        memcpy(text + n, line, got);
        n += got;
    }
    size_t skip = n > len ? n - len : 0;
    long ret = copy_to_user(buf, text + skip, n - skip) ? -EFAULT : (long)(n - skip);
    kfree(text);
    return ret;
}

long sys_syslog(int type, out_k buf, int len)
{
    enum { CLOSE, OPEN, READ, READ_ALL, READ_CLEAR, CLEAR, CONSOLE_OFF, CONSOLE_ON, CONSOLE_LEVEL, SIZE_UNREAD, SIZE };
    if (type == SIZE)
        return LOG_BYTES;
    if (type != READ_ALL && !capable(CAP_SYSLOG) && !capable(CAP_SYS_ADMIN))
        return -EPERM;
    if (type < CLOSE || type > SIZE)
        return -EINVAL;
    if (type != READ && type != READ_ALL && type != READ_CLEAR)
        return 0;
    if (!buf || len < 0)
        return -EINVAL;
    return read_log(buf, (size_t)len);
}
