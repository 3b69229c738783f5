// SPDX-License-Identifier: MIT
/* imgtool prune: the cache gives back what has not been used lately; it is fetched or made again when asked for. */
#include "imgtool/commands.h"

#include <stdio.h>
#include <time.h>

/* As docker prints sizes: units of 1000, three or four digits. */
static void print_freed(uint64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double size = (double)bytes;
    size_t n = 0;

    for (; size >= 1000 && n + 1 < sizeof(units) / sizeof(units[0]); n++)
        size /= 1000;
    printf("Total reclaimed space: %.4g%s\n", size, units[n]);
}

static int prune(const struct command *self, const struct options *o, struct oci_error *err)
{
    /* With no time given all goes, also what was used in a future that the clock has gone back from. */
    time_t limit = o->unused_ms ? time(NULL) + 1 - (time_t)(o->unused_ms / 1000) : INT64_MAX;
    uint64_t freed = 0;

    (void)self;
    if (oci_prune(&o->oci, limit, &freed, err) < 0)
        return -1;
    print_freed(freed);
    return 0;
}

static const struct option_row own[] = {
    {0, "unused-for", OPTION_DURATION, offsetof(struct options, unused_ms), "TIME",
     "keep what was used in this time, such as 24h (default 0: keep nothing)"},
    {0},
};
static const struct option_row *const tables[] = {own, options_common, NULL};

const struct command command_prune = {
    .name = "prune",
    .operands = "",
    .summary = "remove from the cache what has not been used lately",
    .tables = tables,
    .run = prune,
};
