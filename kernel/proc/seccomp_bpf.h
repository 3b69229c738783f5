/* SPDX-License-Identifier: MIT */
/* Classic BPF as filters of system calls use it: a program is checked once, then run on struct seccomp_data. */
#ifndef PROC_SECCOMP_BPF_H
#define PROC_SECCOMP_BPF_H

#include "abi/seccomp.h"
#include "lib/types.h"

/* n in 1..BPF_MAXINSNS. -EINVAL: it may do what it must not; -ENOMEM. */
int seccomp_bpf_check(const struct sock_filter *f, u32 n);
/* Runs a checked program that may read the first `known` bytes of d only. false: it wanted to read more. */
bool seccomp_bpf_run(const struct sock_filter *f, const struct seccomp_data *d, u32 known, u32 *ret);

#endif
