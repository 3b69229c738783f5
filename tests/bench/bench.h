/* SPDX-License-Identifier: MIT */
/*
 * Timing of one operation, as PID 1 of Slipway and of Linux from the same archive. Each prints a line
 *     BENCH <name> <cycles of the time stamp counter for one operation>
 * and the end is DONE. The counter is the host's on both sides, so no guest's clock takes part in the ratio. A benchmark is
 * run in several slices of a few milliseconds; the fastest third's mean is taken, which a disturbed slice does not move.
 */
#ifndef SLIPWAY_BENCH_H
#define SLIPWAY_BENCH_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <x86intrin.h>

#define SLICES 15
#define SLICE_CYCLES 8000000ull /* about 4 ms */

struct bench {
    const char *name;
    void (*run)(long n); /* does `n` of them */
    int batch;           /* operations that one of `n` counts for */
    void (*set_up)(void);
    void (*tear_down)(void);
};

static inline void need(int ok, const char *what)
{
    if (!ok) {
        dprintf(1, "BENCH-ERROR %s: %s\n", what, strerror(errno));
        _exit(1);
    }
}

static inline int bench_by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static inline void bench_measure(const struct bench *b)
{
    double per_op[SLICES], sum = 0;
    unsigned long long start, cycles;
    long n = 1;

    /* The first runs pay for what is made once: they would fool the search for how many fit a slice. */
    for (int i = 0; i < 3; i++)
        b->run(1);
    for (;;) {
        start = __rdtsc();
        b->run(n);
        cycles = __rdtsc() - start;
        if (cycles >= SLICE_CYCLES / 2)
            break;
        n *= 2;
    }
    n = (long)((double)n * SLICE_CYCLES / cycles);
    if (n < 1)
        n = 1;
    for (int i = 0; i < SLICES; i++) {
        start = __rdtsc();
        b->run(n);
        per_op[i] = (double)(__rdtsc() - start) / n;
    }
    qsort(per_op, SLICES, sizeof(per_op[0]), bench_by_value);
    const int best = SLICES / 3;
    for (int i = 0; i < best; i++)
        sum += per_op[i];
    dprintf(1, "BENCH %s %.1f\n", b->name, sum / best / b->batch);
}

/* As an ordinary program: `program [NAME...]`. */
static inline int bench_wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return 1;
    return argc == 1 || getpid() == 1;
}

static inline int bench_main(const struct bench *benches, size_t count, int argc, char **argv)
{
    for (const struct bench *b = benches; b < benches + count; b++) {
        if (!bench_wanted(b->name, argc, argv))
            continue;
        if (b->set_up)
            b->set_up();
        bench_measure(b);
        if (b->tear_down)
            b->tear_down();
    }
    dprintf(1, "DONE\n");
    while (getpid() == 1)
        pause();
    return 0;
}

#endif
