// SPDX-License-Identifier: MIT
/* Which actions of filters are told in the kernel's log (actions_logged), and the names of actions. */
#include "proc/seccomp_log.h"

#include "abi/errno.h"
#include "abi/prctl.h"
#include "abi/time.h"
#include "arch/clock.h"
#include "fs/procfs.h"
#include "fs/seq.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "proc/process.h"
#include "proc/seccomp.h"

#define BURST 10u                      /* messages … */
#define BURST_NS (5ull * NSEC_PER_SEC) /* … in this time */

/* In the order of actions_avail. Listeners (user_notif) are not. */
static const struct {
    u32 action;
    const char *name;
} actions[] = {
    {SECCOMP_RET_KILL_PROCESS, "kill_process"},
    {SECCOMP_RET_KILL_THREAD, "kill_thread"},
    {SECCOMP_RET_TRAP, "trap"},
    {SECCOMP_RET_ERRNO, "errno"},
    {SECCOMP_RET_TRACE, "trace"},
    {SECCOMP_RET_LOG, "log"},
    {SECCOMP_RET_ALLOW, "allow"},
};
#define ALLOW_BIT (1u << (ARRAY_SIZE(actions) - 1))

static u32 logged = ALLOW_BIT - 1; /* bits of `actions`; never ALLOW_BIT */

bool seccomp_knows(u32 action)
{
    for (u32 i = 0; i < ARRAY_SIZE(actions); i++) {
        if (actions[i].action == action)
            return true;
    }
    return false;
}

static u32 bit_of(u32 action)
{
    for (u32 i = 0; i < ARRAY_SIZE(actions); i++) {
        if (actions[i].action == action)
            return 1u << i;
    }
    return 1u; /* an unknown one kills the process */
}

static bool too_many(void)
{
    static u64 since;
    static u32 count;
    u64 now = (u64)clock_monotonic(), start = READ_ONCE(since);
    if (now - start > BURST_NS) { /* two at once: a message more */
        WRITE_ONCE(since, now);
        WRITE_ONCE(count, 0);
    }
    return __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED) >= BURST;
}

void seccomp_log(const struct trapframe *f, int signo, u32 action, bool asked)
{
    const struct thread *t = current_thread();
    if (!asked || !(READ_ONCE(logged) & bit_of(action)) || too_many())
        return;
    kinfo("seccomp: uid=%u pid=%d comm=\"%s\" sig=%d arch=%x syscall=%d ip=0x%lx code=0x%x", current_cred()->uid,
          t->process->pid, t->comm, signo, AUDIT_ARCH_X86_64, (int)f->orig_rax, f->rip, action);
}

/* ---- /proc/sys/kernel/seccomp ---- */

static void put_names(struct seq_buf *s, u32 bits)
{
    const char *space = "";
    for (u32 i = 0; i < ARRAY_SIZE(actions); i++) {
        if (!(bits >> i & 1))
            continue;
        seq_printf(s, "%s%s", space, actions[i].name);
        space = " ";
    }
    seq_putc(s, '\n');
}

static int show_avail(struct seq_buf *s, void *arg)
{
    (void)arg;
    put_names(s, ALLOW_BIT | (ALLOW_BIT - 1));
    return 0;
}

static int show_logged(struct seq_buf *s, void *arg)
{
    (void)arg;
    put_names(s, READ_ONCE(logged));
    return 0;
}

static u32 bit_of_name(const char *name, size_t len)
{
    for (u32 i = 0; i < ARRAY_SIZE(actions); i++) {
        if (strlen(actions[i].name) == len && !memcmp(actions[i].name, name, len))
            return 1u << i;
    }
    return 0;
}

static ssize_t write_logged(const char *text, size_t n, void *arg)
{
    u32 bits = 0;
    const char *end = memchr(text, '\n', n);
    const char *stop = end ? end : text + n;
    (void)arg;
    if (!capable(CAP_SYS_ADMIN))
        return -EPERM;
    for (const char *at = text; at < stop;) {
        const char *space = memchr(at, ' ', (size_t)(stop - at));
        const char *word_end = space ? space : stop;
        u32 bit = bit_of_name(at, (size_t)(word_end - at));
        if (word_end > at && (!bit || bit == ALLOW_BIT))
            return -EINVAL;
        bits |= bit;
        at = word_end + 1;
    }
    WRITE_ONCE(logged, bits);
    return (ssize_t)n;
}

void seccomp_init(void)
{
    proc_register("sys/kernel/seccomp/actions_avail", 0444, show_avail, NULL, NULL);
    proc_register("sys/kernel/seccomp/actions_logged", 0644, show_logged, write_logged, NULL);
}
