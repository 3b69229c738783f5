/* SPDX-License-Identifier: MIT */
/*
 * Kinds of system call arguments: the C types that the handlers see, and by their names what the tracer prints.
 */
#ifndef SYSCALL_TYPES_H
#define SYSCALL_TYPES_H

#include "lib/types.h"

typedef int fd_k;           /* a file descriptor, AT_FDCWD */
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
typedef s64 off_k;   /* a file offset */
typedef int clock_k; /* CLOCK_* */
typedef u32 hex_k;   /* printed in hexadecimal */
typedef u64 hex64_k;

#endif
