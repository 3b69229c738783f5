// SPDX-License-Identifier: MIT
/*
 * Restartable sequences. A thread registers an area in which the kernel keeps the CPU it runs on, and in which it names
 * the sequence it is in (struct rseq_cs). When it was interrupted there and others ran, or a signal is delivered, it goes on at
 * the sequence's abort address instead, which must be preceded by the signature it registered.
 *
 * What it costs a thread that has registered (the C library registers each): sched/ sets WORK_RSEQ when the thread comes
 * back on another CPU, or back to code that it left by an interrupt or fault; a system call that slept and woke
 * on the same CPU costs a comparison. A sequence may hold no system call.
 *
 * thread.rseq and its like are the thread's own. Every failure to reach the area, and every malformed sequence, is SIGSEGV.
 */
#include "proc/rseq.h"

#include "abi/errno.h"
#include "abi/futex.h"
#include "arch/irq.h"
#include "arch/usercopy.h"
#include "proc/signal.h"
#include "sched/sched.h"

#define AREA_MIN 32u   /* what was first defined, with this alignment */
#define AT_CPU_START 0 /* offsets of struct rseq; node_id and mm_cid came later than this header */
#define AT_CPU 4
#define AT_SEQUENCE 8
#define AT_FLAGS 16
#define AT_NODE 20
#define AT_MM_CID 24
#define USER_END 0x00007ffffffff000ul

static int put_numbers(uaddr_t area, u32 start, u32 cpu, u32 cid)
{
    return put_user_u32(area + AT_CPU_START, start) || put_user_u32(area + AT_CPU, cpu) ||
                   put_user_u32(area + AT_NODE, 0) || put_user_u32(area + AT_MM_CID, cid)
               ? -EFAULT
               : 0;
}

/* The number of the CPU is also the thread's concurrency id: no two threads have it at a time. */
static int update_cpu(struct thread *t)
{
    u32 cpu = cpu_id();
    if (t->rseq_cpu == cpu)
        return 0;
    t->rseq_cpu = cpu; /* moved while it writes, it comes here again */
    return put_numbers(t->rseq, cpu, cpu, cpu);
}

static int check_sequence(const struct thread *t, const struct rseq_cs *s)
{
    u32 sig;
    if (s->start_ip >= USER_END || s->start_ip + s->post_commit_offset >= USER_END || s->abort_ip >= USER_END ||
        s->version)
        return -EINVAL;
    if (s->start_ip + s->post_commit_offset < s->start_ip || s->abort_ip - s->start_ip < s->post_commit_offset)
        return -EINVAL;
    if (get_user_u32(&sig, s->abort_ip - sizeof(sig)))
        return -EFAULT;
    return sig == t->rseq_sig ? 0 : -EINVAL;
}

static int abort_sequence(struct thread *t, struct trapframe *f)
{
    struct rseq_cs s;
    u64 at;
    u32 flags;
    if (get_user_u64(&at, t->rseq + AT_SEQUENCE))
        return -EFAULT;
    if (!at)
        return 0;
    if (copy_from_user(&s, at, sizeof(s)))
        return -EFAULT;
    int err = check_sequence(t, &s);
    if (err)
        return err;
    bool inside = f->rip - s.start_ip < s.post_commit_offset;
    if (inside && (s.flags || get_user_u32(&flags, t->rseq + AT_FLAGS) || flags))
        return -EINVAL; /* those not to restart it were withdrawn */
    if (put_user_u64(t->rseq + AT_SEQUENCE, 0))
        return -EFAULT;
    if (inside)
        f->rip = s.abort_ip;
    return 0;
}

void rseq_return(struct trapframe *f)
{
    struct thread *t = current_thread();
    thread_clear_work(t, WORK_RSEQ);
    if (!t->rseq)
        return;
    if (abort_sequence(t, f) || update_cpu(t)) {
        t->rseq_cpu = ~0u;
        signal_force(SIGSEGV, SI_KERNEL, 0);
    }
}

/* ---- registration ---- */

static int check_same(const struct thread *t, uaddr_t addr, u32 len, u32 sig)
{
    if (t->rseq != addr || t->rseq_len != len)
        return -EINVAL;
    return t->rseq_sig == sig ? 0 : -EPERM;
}

long rseq_register(uaddr_t addr, u32 len, u32 sig)
{
    struct thread *t = current_thread();
    if (t->rseq) {
        int err = check_same(t, addr, len, sig);
        return err ? err : -EBUSY;
    }
    if (len < AREA_MIN || addr % RSEQ_ALIGN)
        return -EINVAL;
    if (!user_range_ok(addr, len))
        return -EFAULT;
    t->rseq = addr;
    t->rseq_len = len;
    t->rseq_sig = sig;
    t->rseq_cpu = ~0u;
    thread_set_work(t, WORK_RSEQ);
    return 0;
}

long rseq_unregister(uaddr_t addr, u32 len, u32 sig)
{
    struct thread *t = current_thread();
    int err = t->rseq ? check_same(t, addr, len, sig) : -EINVAL;
    if (!err)
        err = put_numbers(addr, 0, (u32)RSEQ_CPU_ID_UNINITIALIZED, 0);
    if (!err)
        t->rseq = 0;
    return err;
}

void rseq_fork(struct thread *child, bool shares_mm)
{
    const struct thread *t = current_thread();
    if (shares_mm || !t->rseq)
        return;
    child->rseq = t->rseq;
    child->rseq_len = t->rseq_len;
    child->rseq_sig = t->rseq_sig;
    child->rseq_cpu = ~0u;
    thread_set_work(child, WORK_RSEQ);
}

void rseq_exec(struct thread *t)
{
    t->rseq = 0;
}

/* ---- membarrier ---- */

static void abort_here(void *arg)
{
    (void)arg;
    if (current_thread()->rseq)
        thread_set_work(current_thread(), WORK_RSEQ);
}

void rseq_abort_on(u64 cpus)
{
    smp_call(cpus, abort_here, NULL, true);
}
