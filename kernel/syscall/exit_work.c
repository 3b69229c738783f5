// SPDX-License-Identifier: MIT
/*
 * The way back to user mode when a bit of arch.work is set: reschedule, signals, the mask of sigsuspend, restartable sequences. The entry code
 * calls again as long as a bit is left, with interrupts off between its look and the return.
 */
#include "arch/hooks.h"
#include "proc/ptrace.h"
#include "proc/rseq.h"
#include "proc/sigio.h"
#include "proc/signal.h"
#include "sched/sched.h"

void hook_exit_work(struct trapframe *f)
{
    struct thread *t = current_thread();
    if (thread_work(t, WORK_RESCHED))
        schedule();
    if (thread_work(t, WORK_SIGIO))
        sigio_run();
    if (thread_work(t, WORK_PTRACE))
        ptrace_syscall_exit(f);
    if (thread_work(t, WORK_SIGNAL | WORK_NOTIFY | WORK_RESTORE_MASK))
        signal_deliver(f);
    if (thread_work(t, WORK_RSEQ))
        rseq_return(f);
}
