/* SPDX-License-Identifier: MIT */
/* Signals: numbers, sigaction, siginfo, the frame a handler returns through. A set of signals is one 64-bit word. */
#ifndef ABI_SIGNAL_H
#define ABI_SIGNAL_H

#include <asm/signal.h>
#include <asm/siginfo.h>
#include <asm/sigcontext.h>
#include <asm/ucontext.h>
#include <linux/signal.h>
#include <stddef.h>

#ifndef _NSIG
#define _NSIG 64 /* signals are 1.._NSIG */
#endif
#define ABI_NSIG 64
/* Of the handler's own set, ss_flags */
#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif

/* What rt_sigreturn(2) finds on the user's stack. */
struct abi_rt_sigframe {
    unsigned long pretcode; /* return address: sa_restorer */
    struct ucontext uc;
    struct siginfo info;
    /* then, 64-byte aligned: the FXSAVE/XSAVE area that uc.uc_mcontext.fpstate points to */
};

_Static_assert(sizeof(sigset_t) == 8, "sigset_t");
_Static_assert(sizeof(struct sigaction) == 32, "struct sigaction");
_Static_assert(sizeof(struct siginfo) == 128, "struct siginfo");
_Static_assert(sizeof(stack_t) == 24, "stack_t");
_Static_assert(sizeof(struct sigcontext) == 256, "struct sigcontext");
_Static_assert(offsetof(struct ucontext, uc_mcontext) == 40 && offsetof(struct ucontext, uc_sigmask) == 296,
               "ucontext");
_Static_assert(offsetof(struct abi_rt_sigframe, uc) == 8, "rt_sigframe");

#endif
