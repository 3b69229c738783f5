/* SPDX-License-Identifier: MIT */
/*
 * The random source of getrandom(2), /dev/urandom, AT_RANDOM, ASLR and stack canaries: a ChaCha20 generator with fast
 * key erasure, seeded from RDRAND/RDSEED, the boot loader's entropy, virtio-rng and timing jitter. Never blocks; never
 * predictable: it is seeded before it is first used.
 */
#ifndef DRIVERS_RANDOM_H
#define DRIVERS_RANDOM_H

#include "lib/types.h"

void random_init(void);                 /* before anything asks */
void random_bytes(void *buf, size_t n); /* any context */
u64 random_u64(void);
void random_add_entropy(const void *p, size_t n); /* mixes in; any context */
/* Called once by the virtio-rng driver; asks for bytes now and then. */
void random_set_source(void (*request)(void));

#endif
