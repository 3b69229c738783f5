/* SPDX-License-Identifier: MIT */
/* What touching a byte of memory raises. The test makes on_fault the handler of SIGSEGV and SIGBUS itself. */
#ifndef ABI_FAULT_H
#define ABI_FAULT_H

#include "tests/abi/util.h"

#include <setjmp.h>
#include <signal.h>

static sigjmp_buf jump;

static inline void on_fault(int sig)
{
    siglongjmp(jump, sig);
}

/* The signal that reading (or writing) this byte raises, or 0. */
static inline int reads(volatile char *p)
{
    int sig = sigsetjmp(jump, 1);
    if (!sig)
        (void)*p;
    return sig;
}

static inline int writes(volatile char *p)
{
    int sig = sigsetjmp(jump, 1);
    if (!sig)
        *p = 1;
    return sig;
}

#endif
