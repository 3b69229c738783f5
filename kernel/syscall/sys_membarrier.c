// SPDX-License-Identifier: MIT
/* Between CPUs: membarrier(2), rseq(2). */
#include "abi/errno.h"
#include "abi/futex.h"
#include "arch/cpu.h"
#include "arch/irq.h"
#include "proc/process.h"
#include "proc/rseq.h"
#include "syscall/sys.h"
#include "vm/mm.h"

#include <linux/membarrier.h>

#ifndef MEMBARRIER_CMD_GET_REGISTRATIONS
#define MEMBARRIER_CMD_GET_REGISTRATIONS (1 << 9)
#endif
#define REGISTRATIONS                                                                       \
    (MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED | \
     MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ)
#define KNOWN                                                                                                     \
    (REGISTRATIONS | MEMBARRIER_CMD_GLOBAL | MEMBARRIER_CMD_GLOBAL_EXPEDITED | MEMBARRIER_CMD_PRIVATE_EXPEDITED | \
     MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE | MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ |                         \
     MEMBARRIER_CMD_GET_REGISTRATIONS)

static void nothing(void *arg)
{
    (void)arg; /* the interrupt is the barrier, and the return from it serializes */
}

static void barrier_on(u64 cpus)
{
    cpus &= sched_online_mask() & ~(1ull << cpu_id());
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (cpus)
        smp_call(cpus, nothing, NULL, true);
}

static void serialize(void)
{
    u32 a = 0, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d) : : "memory");
}

/* Where threads of the caller's address space may run. */
static u64 own_cpus(void)
{
    return atomic_read(&current_thread()->mm->cpumask) & sched_online_mask();
}

static long restart_sequences(u32 flags, int cpu)
{
    u64 cpus = own_cpus() & ~(1ull << cpu_id());
    if (flags & MEMBARRIER_CMD_FLAG_CPU)
        cpus = cpu >= 0 && cpu < 64 ? cpus & 1ull << cpu : 0;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (cpus)
        rseq_abort_on(cpus);
    return 0;
}

long sys_membarrier(int cmd, u32 flags, int cpu)
{
    struct process *p = current_process();
    if (flags && (cmd != MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ || flags != MEMBARRIER_CMD_FLAG_CPU))
        return -EINVAL;
    switch (cmd) {
    case MEMBARRIER_CMD_QUERY:
        return KNOWN;
    case MEMBARRIER_CMD_GLOBAL:
    case MEMBARRIER_CMD_GLOBAL_EXPEDITED:
        barrier_on(~0ull);
        return 0;
    case MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED:
    case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
    case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE:
    case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ:
        __atomic_fetch_or(&p->membarrier, (u32)cmd, __ATOMIC_SEQ_CST);
        return 0;
    case MEMBARRIER_CMD_GET_REGISTRATIONS:
        return READ_ONCE(p->membarrier);
    case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
    case MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE:
    case MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ:
        if (!(READ_ONCE(p->membarrier) & (u32)cmd << 1)) /* the bit of its registration */
            return -EPERM;
        if (cmd == MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ)
            return restart_sequences(flags, cpu);
        barrier_on(own_cpus());
        if (cmd == MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE)
            serialize();
        return 0;
    default:
        return -EINVAL;
    }
}

long sys_rseq(ptr_k area, u32 len, int flags, hex_k sig)
{
    if (flags & RSEQ_FLAG_UNREGISTER)
        return flags & ~RSEQ_FLAG_UNREGISTER ? -EINVAL : rseq_unregister(area, len, sig);
    return flags ? -EINVAL : rseq_register(area, len, sig);
}
