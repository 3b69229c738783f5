// SPDX-License-Identifier: MIT
/*
 * The random source: ChaCha20 (RFC 8439's block function) with fast key erasure — every request takes a fresh block, its
 * first half becomes the next key, the rest is output, so that a captured state tells nothing about the past.
 *
 * Seeding: RDSEED/RDRAND when there, else timing jitter of the TSC over memory accesses (64 samples a word), always the
 * TSC and what the boot loader gave; virtio-rng is mixed in when its answer arrives and again every RESEED_BYTES.
 * One generator under random_lock (interrupts off); the lock is held for one block at a time.
 */
#include "drivers/random.h"

#include "arch/cpu.h"
#include "arch/spinlock.h"
#include "lib/string.h"

#define RESEED_BYTES (1u << 20)

static struct spinlock random_lock = SPINLOCK_INIT(LOCK_RANDOM);
static u32 key[8];       /* (random_lock) */
static u64 counter;      /* (random_lock) */
static u32 since_reseed; /* (random_lock) */
static void (*request_source)(void);

static u32 rotl(u32 v, u32 n)
{
    return v << n | v >> (32 - n);
}

static void quarter_round(u32 *a, u32 *b, u32 *c, u32 *d)
{
    *a += *b;
    *d = rotl(*d ^ *a, 16);
    *c += *d;
    *b = rotl(*b ^ *c, 12);
    *a += *b;
    *d = rotl(*d ^ *a, 8);
    *c += *d;
    *b = rotl(*b ^ *c, 7);
}

static void chacha_block(const u32 k[8], u64 count, u32 out[16])
{
    u32 in[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    memcpy(&in[4], k, 32);
    in[12] = (u32)count;
    in[13] = (u32)(count >> 32);
    memcpy(out, in, sizeof(in));
    for (int i = 0; i < 10; i++) {
        quarter_round(&out[0], &out[4], &out[8], &out[12]);
        quarter_round(&out[1], &out[5], &out[9], &out[13]);
        quarter_round(&out[2], &out[6], &out[10], &out[14]);
        quarter_round(&out[3], &out[7], &out[11], &out[15]);
        quarter_round(&out[0], &out[5], &out[10], &out[15]);
        quarter_round(&out[1], &out[6], &out[11], &out[12]);
        quarter_round(&out[2], &out[7], &out[8], &out[13]);
        quarter_round(&out[3], &out[4], &out[9], &out[14]);
    }
    for (int i = 0; i < 16; i++)
        out[i] += in[i];
}

/* The key becomes a function of itself and 32 bytes (lock held). */
static void absorb(const u8 *p, size_t n)
{
    u32 block[16];
    u8 chunk[32];
    while (n > 0) {
        size_t part = MIN(n, sizeof(chunk));
        memset(chunk, 0, sizeof(chunk));
        memcpy(chunk, p, part);
        for (int i = 0; i < 8; i++) {
            u32 w;
            memcpy(&w, chunk + i * 4, 4);
            key[i] ^= w;
        }
        chacha_block(key, counter++, block);
        memcpy(key, block, sizeof(key));
        p += part;
        n -= part;
    }
}

void random_add_entropy(const void *p, size_t n)
{
    u64 tsc = rdtsc();
    u64 flags = spin_lock_irqsave(&random_lock);
    absorb((const u8 *)&tsc, sizeof(tsc));
    absorb(p, n);
    spin_unlock_irqrestore(&random_lock, flags);
}

static bool hardware_word(u64 *v)
{
    bool ok = false;
    for (int i = 0; !ok && i < 10; i++) {
        if (cpu.rdseed)
            __asm__ volatile("rdseed %0" : "=r"(*v), "=@ccc"(ok));
        if (!ok && cpu.rdrand)
            __asm__ volatile("rdrand %0" : "=r"(*v), "=@ccc"(ok));
    }
    return ok;
}

/* Without a hardware source: the low bits of how long memory accesses took. */
static u64 jitter_word(void)
{
    static volatile u8 walk[256];
    u64 v = 0;
    for (u32 i = 0; i < 64; i++) {
        u64 start = rdtsc();
        for (u32 k = 0; k < 16; k++)
            walk[(v * 31 + k * 17) & 255]++;
        v = (v << 1 | v >> 63) ^ (rdtsc() - start);
    }
    return v;
}

void random_init(void)
{
    u64 seed[8];
    for (u32 i = 0; i < ARRAY_SIZE(seed); i++) {
        if (!hardware_word(&seed[i]))
            seed[i] = jitter_word() ^ rdtsc();
    }
    random_add_entropy(seed, sizeof(seed));
    memset(seed, 0, sizeof(seed));
}

void random_set_source(void (*request)(void))
{
    request_source = request;
    request();
}

/* One block: 32 bytes of new key, up to 32 bytes of output. */
static bool take_block(u8 *out, size_t n)
{
    u32 block[16];
    u64 flags = spin_lock_irqsave(&random_lock);
    chacha_block(key, counter++, block);
    memcpy(key, block, sizeof(key));
    since_reseed += (u32)n;
    bool reseed = since_reseed > RESEED_BYTES;
    if (reseed)
        since_reseed = 0;
    spin_unlock_irqrestore(&random_lock, flags);
    memcpy(out, &block[8], n);
    memset(block, 0, sizeof(block));
    return reseed;
}

/* Large requests: a stream from a key taken once. True: it is time for new entropy. */
static bool fill_stream(u8 *out, size_t n)
{
    u32 own[8], block[16];
    bool reseed = take_block((u8 *)own, sizeof(own));
    for (u64 count = 0; n > 0; count++) {
        size_t part = MIN(n, sizeof(block));
        chacha_block(own, count, block);
        memcpy(out, block, part);
        out += part;
        n -= part;
    }
    memset(own, 0, sizeof(own));
    memset(block, 0, sizeof(block));
    return reseed;
}

void random_bytes(void *buf, size_t n)
{
    u8 *out = buf;
    bool reseed = false;
    if (n > 128) {
        reseed = fill_stream(out, n);
        n = 0;
    }
    while (n > 0) {
        size_t part = MIN(n, (size_t)32);
        reseed |= take_block(out, part);
        out += part;
        n -= part;
    }
    if (reseed && request_source)
        request_source();
}

u64 random_u64(void)
{
    u64 v;
    random_bytes(&v, sizeof(v));
    return v;
}
