/* SPDX-License-Identifier: MIT */
/* POSIX message queues by their system calls: names without the C library's slash, its own errors left out. */
#ifndef ABI_MQUEUE_H
#define ABI_MQUEUE_H

#include "tests/abi/util.h"

#define OPEN(name, flags, mode, attr) ((int)syscall(SYS_mq_open, name, flags, mode, attr))
#define UNLINK(name) syscall(SYS_mq_unlink, name)
#define SEND(q, p, n, prio) syscall(SYS_mq_timedsend, q, p, n, prio, NULL)
#define RECEIVE(q, p, n, prio) syscall(SYS_mq_timedreceive, q, p, n, prio, NULL)
#define NOTIFY(q, ev) syscall(SYS_mq_notify, q, ev)
#define SETATTR(q, new, old) syscall(SYS_mq_getsetattr, q, new, old)

#endif
