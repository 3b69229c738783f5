/* SPDX-License-Identifier: MIT */
/* wait4(2), waitid(2) and the status word. */
#ifndef ABI_WAIT_H
#define ABI_WAIT_H

#include <linux/wait.h>

#define ABI_W_EXITCODE(code, sig) (((code)&0xff) << 8 | (sig))
#define ABI_W_STOPCODE(sig) ((sig) << 8 | 0x7f)
#define ABI_W_CONTINUED 0xffff
#define ABI_W_CORE 0x80

#endif
