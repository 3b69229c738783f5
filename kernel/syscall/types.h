/* SPDX-License-Identifier: MIT */
/*
 * Kinds of system call arguments: the C types that the handlers see, and by their names what the tracer prints.
 */
#ifndef SYSCALL_TYPES_H
#define SYSCALL_TYPES_H

#include "lib/types.h"

typedef int fd_k;           /* a file descriptor, AT_FDCWD */
typedef u64 fd64_k;         /* … in a whole register */
typedef uaddr_t path_k;     /* a path */
typedef uaddr_t str_k;      /* another string */
typedef uaddr_t ibuf_k;     /* bytes to the kernel; their number is the next argument */
typedef uaddr_t obuf_k;     /* bytes from the kernel; their number is the result */
typedef uaddr_t ptr_k;      /* any pointer */
typedef uaddr_t out_k;      /* a pointer to what the kernel fills */
typedef uaddr_t iov_k;      /* struct iovec[], the next argument's number: to the kernel */
typedef uaddr_t argv_k;     /* NULL-terminated strings */
typedef uaddr_t fds_k;      /* int[2], filled */
typedef uaddr_t sigset_k;   /* a signal mask */
typedef uaddr_t timespec_k; /* struct timespec, read */
typedef int oflags_k;       /* O_* */
typedef u32 mode_k;         /* permissions, octal */
typedef u64 prot_k;         /* PROT_* */
typedef u64 map_k;          /* MAP_* */
typedef int sig_k;          /* a signal */
typedef s32 pid_k;
typedef s64 off_k;           /* a file offset */
typedef uaddr_t timespeco_k; /* struct timespec, filled */
typedef uaddr_t sigseto_k;   /* a signal mask, filled */
typedef uaddr_t sigact_k;    /* struct sigaction, read */
typedef uaddr_t sigacto_k;   /* … filled */
typedef uaddr_t limits_k;    /* struct rlimit, read */
typedef uaddr_t limitso_k;   /* … filled */
typedef uaddr_t wstatus_k;   /* a wait status, filled */
typedef uaddr_t stat_k;      /* struct stat, filled */
typedef u64 addr_k;          /* an address that is not looked at */
typedef int clock_k;         /* CLOCK_* */
typedef int pipe_k;          /* O_CLOEXEC and the like, of pipe2 and dup3 */
typedef int at_k;            /* AT_* flags */
typedef int access_k;        /* R_OK … */
typedef int whence_k;        /* SEEK_* */
typedef int how_k;           /* SIG_BLOCK … */
typedef int wait_k;          /* W* options */
typedef int itimer_k;        /* ITIMER_* */
typedef int fcntl_k;         /* F_* */
typedef u32 futex_k;         /* FUTEX_* */
typedef int advice_k;        /* MADV_* */
typedef int msync_k;         /* MS_* */
typedef int epollop_k;       /* EPOLL_CTL_* */
typedef int prctl_k;         /* PR_* */
typedef int archprctl_k;     /* ARCH_* */
typedef u32 resource_k;      /* RLIMIT_* */
typedef u32 random_k;        /* GRND_* */
typedef u64 clone_k;         /* CLONE_* */
typedef u64 mremap_k;        /* MREMAP_* */
typedef u32 hex_k;           /* printed in hexadecimal */
typedef u64 hex64_k;

#endif
