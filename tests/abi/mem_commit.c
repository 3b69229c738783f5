// SPDX-License-Identifier: MIT
/*
 * Overcommit: /proc/sys/vm/overcommit_memory and what each of its modes refuses. It is a setting of the whole machine, so on the
 * host nothing of this is tried.
 */
#include "tests/abi/util.h"

#include <sys/mman.h>

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define MODE "/proc/sys/vm/overcommit_memory"

static int set(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    REQ(fd >= 0);
    int err = write(fd, text, strlen(text)) < 0 ? errno : 0;
    close(fd);
    return err;
}

static long meminfo(const char *key)
{
    char line[128];
    long kb = -1;
    FILE *f = fopen("/proc/meminfo", "r");
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, key, strlen(key)))
            kb = atol(line + strlen(key));
    if (f)
        fclose(f);
    return kb;
}

static int maps(long kb, int prot, int flags)
{
    void *p = mmap(NULL, (size_t)kb << 10, prot, flags, -1, 0);
    if (p == MAP_FAILED)
        return errno;
    munmap(p, (size_t)kb << 10);
    return 0;
}

int main(void)
{
    long all = meminfo("MemTotal:"), limit = meminfo("CommitLimit:"), more = all + (all >> 2);
    CHECK_OWN(file_is(MODE, "0\n") && file_is("/proc/sys/vm/overcommit_ratio", "50\n"),
              "overcommit: the mode is 0, the ratio 50");
    CHECK_OWN(maps(more, RW, ANON) == ENOMEM && maps(all / 2, RW, ANON) == 0,
              "mode 0 refuses what is more than all memory");
    CHECK_OWN(maps(more, RW, ANON | MAP_NORESERVE) == 0 && maps(more, PROT_READ, ANON) == 0,
              "unless nothing is reserved or written");
    CHECK_OWN(set(MODE, "3\n") == EINVAL && set(MODE, "x\n") == EINVAL && file_is(MODE, "0\n"), "there is no mode 3");
    CHECK_OWN(set(MODE, "1\n") == 0 && maps(1L << 30, RW, ANON) == 0, "mode 1 refuses nothing");
    CHECK_OWN(set(MODE, "2\n") == 0 && maps(limit, RW, ANON) == ENOMEM, "mode 2 refuses what is beyond the limit");
    CHECK_OWN(maps(limit, RW, ANON | MAP_NORESERVE) == ENOMEM, "NORESERVE or not");
    CHECK_OWN(maps(limit, RW, MAP_SHARED | MAP_ANONYMOUS) == ENOMEM, "shared memory too");
    CHECK_OWN(maps(limit, PROT_READ, ANON) == 0 && maps(limit / 4, RW, ANON) == 0,
              "what is not written, and what fits, is not");
    CHECK_OWN(set("/proc/sys/vm/overcommit_ratio", "100\n") == 0 && meminfo("CommitLimit:") >= 2 * limit - 8 &&
                  maps(limit, RW, ANON) == 0,
              "the limit follows the ratio");
    CHECK_OWN(set("/proc/sys/vm/overcommit_ratio", "50\n") == 0 && set(MODE, "0\n") == 0 &&
                  meminfo("CommitLimit:") == limit,
              "mode 0 again");
    long before = meminfo("Committed_AS:");
    char *p = mmap(NULL, 64 << 20, RW, ANON, -1, 0);
    long with = meminfo("Committed_AS:");
    CHECK_OWN(p != MAP_FAILED && with >= before + 64000 && munmap(p, 64 << 20) == 0 &&
                  meminfo("Committed_AS:") < with - 60000,
              "Committed_AS counts what is mapped");
    return tap_end();
}
