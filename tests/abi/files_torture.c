// SPDX-License-Identifier: MIT
/*
 * A torture of the file system: two threads on two CPUs, each doing random things in a tree of its own, and between them in
 * a tree that both change, with operations whose order does not matter. All follows from a seed, and the facts have hashes
 * in their names: of all that the calls returned, and of the trees afterwards (names, modes, link counts, sizes, blocks,
 * contents, targets, attributes). So Linux, which states them too, says what they must be.
 *
 * /fixtures/full makes it longer.
 */
#include "tests/abi/util.h"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/xattr.h>

#define OPS 1500
#define LONG_ROUNDS 5
#define BIGGEST 40000 /* bytes of a file */
#define SLOT 64       /* bytes of the striped file that belong to one of the two, every other */
#define SLOTS 512

struct actor {
    int n; /* 0, 1 */
    int ops;
    uint64_t random, hash;
    char at[2][96]; /* the two names an operation is about */
    char *buf;
    int made; /* names made in the shared tree so far */
};

static uint64_t mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15;
    return h ^ h >> 29;
}

static uint64_t mix_bytes(uint64_t h, const void *p, size_t n)
{
    const unsigned char *c = p;
    for (size_t i = 0; i < n; i++)
        h = (h ^ c[i]) * 0x100000001b3;
    return mix(h, n);
}

static unsigned roll(struct actor *a, unsigned below)
{
    a->random ^= a->random << 13;
    a->random ^= a->random >> 7;
    a->random ^= a->random << 17;
    return (unsigned)(a->random >> 20) % below;
}

/* What a call returned is part of the hash; a descriptor's number is not. */
static long note(struct actor *a, long r)
{
    a->hash = mix(a->hash, r < 0 ? (uint64_t)-errno : (uint64_t)r);
    return r;
}

static int note_fd(struct actor *a, int fd)
{
    note(a, fd < 0 ? fd : 0);
    return fd;
}

/* A name in the actor's own tree, which may be there or not, be a file or a directory, or have a file above it. */
static const char *somewhere(struct actor *a, int which)
{
    char *p = a->at[which];
    p += sprintf(p, "t%d", a->n);
    for (unsigned depth = roll(a, 3); depth > 0; depth--)
        p += sprintf(p, "/d%u", roll(a, 3));
    sprintf(p, roll(a, 4) ? "/f%u" : "/d%u", roll(a, 6));
    return a->at[which];
}

static void fill(struct actor *a, size_t n)
{
    for (size_t i = 0; i < n; i++)
        a->buf[i] = (char)(a->random >> (i & 31));
}

/* ---- what is done in one's own tree ---- */

static void op_create(struct actor *a)
{
    static const int flags[] = {O_CREAT, O_CREAT | O_EXCL,    O_CREAT | O_TRUNC, O_CREAT | O_APPEND,
                                0,       O_CREAT | O_NOFOLLOW};
    const char *path = somewhere(a, 0);
    int fd = note_fd(a, open(path, O_RDWR | flags[roll(a, COUNT(flags))], 0600 + roll(a, 64)));
    if (fd < 0)
        return;
    for (unsigned i = roll(a, 3); i > 0; i--) {
        size_t n = roll(a, 9000);
        fill(a, n);
        note(a, pwrite(fd, a->buf, n, roll(a, BIGGEST)));
    }
    close(fd);
}

static void op_read(struct actor *a)
{
    int fd = note_fd(a, open(somewhere(a, 0), O_RDONLY));
    if (fd < 0)
        return;
    long n = note(a, pread(fd, a->buf, 2 * BIGGEST, roll(a, 5000)));
    if (n > 0)
        a->hash = mix_bytes(a->hash, a->buf, n);
    note(a, lseek(fd, -(off_t)roll(a, BIGGEST), SEEK_END));
    close(fd);
}

static void op_size(struct actor *a)
{
    note(a, truncate(somewhere(a, 0), roll(a, BIGGEST)));
}

static void op_rename(struct actor *a)
{
    static const unsigned flags[] = {0, 0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_EXCHANGE, RENAME_WHITEOUT, 8};
    const char *from = somewhere(a, 0), *to = somewhere(a, 1);
    note(a, renameat2(AT_FDCWD, from, AT_FDCWD, to, flags[roll(a, COUNT(flags))]));
}

static void op_link(struct actor *a)
{
    const char *from = somewhere(a, 0), *to = somewhere(a, 1);
    note(a, linkat(AT_FDCWD, from, AT_FDCWD, to, roll(a, 2) ? AT_SYMLINK_FOLLOW : 0));
}

static void op_unlink(struct actor *a)
{
    note(a, unlink(somewhere(a, 0)));
}

static void op_mkdir(struct actor *a)
{
    note(a, mkdir(somewhere(a, 0), 0700 + roll(a, 64)));
}

static void op_rmdir(struct actor *a)
{
    note(a, rmdir(somewhere(a, 0)));
}

/* Never upwards: that would lead out of the actor's own tree. */
static void op_symlink(struct actor *a)
{
    static const char *const targets[] = {"f0", "./f1", "d0", "d1/f2", ".", "absent", "f3", "d2/d1"};
    const char *target = targets[roll(a, COUNT(targets))];
    note(a, symlink(target, somewhere(a, 0)));
}

static void op_readlink(struct actor *a)
{
    long n = note(a, readlink(somewhere(a, 0), a->buf, 1 + roll(a, 20)));
    if (n > 0)
        a->hash = mix_bytes(a->hash, a->buf, n);
}

static void op_xattr(struct actor *a)
{
    static const char *const names[] = {"user.one", "user.two", "user.a.rather.long.name", "trusted.x"};
    const char *name = names[roll(a, COUNT(names))], *path = somewhere(a, 0);
    unsigned what = roll(a, 4);
    fill(a, 200);
    if (what == 0)
        note(a, removexattr(path, name));
    else if (what == 1)
        note(a, getxattr(path, name, a->buf, 100));
    else
        note(a, setxattr(path, name, a->buf, roll(a, 200), (int)roll(a, 3)));
}

static void op_fallocate(struct actor *a)
{
    static const int modes[] = {0, 1, 3, 3, 2, 0x10, 0x11, 8, 0x20};
    int fd = note_fd(a, open(somewhere(a, 0), O_RDWR));
    if (fd < 0)
        return;
    int mode = modes[roll(a, COUNT(modes))];
    long at = roll(a, BIGGEST);
    note(a, fallocate(fd, mode, at, roll(a, 12000)));
    close(fd);
}

static void op_map(struct actor *a)
{
    struct stat st;
    int fd = note_fd(a, open(somewhere(a, 0), O_RDWR));
    if (fd < 0)
        return;
    REQ(fstat(fd, &st) == 0);
    if (S_ISREG(st.st_mode) && st.st_size > 0) {
        char *m = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        REQ(m != MAP_FAILED);
        for (int i = 0; i < 4; i++)
            m[roll(a, st.st_size)] ^= 0x55;
        note(a, msync(m, st.st_size, MS_SYNC));
        a->hash = mix(a->hash, m[roll(a, st.st_size)]);
        munmap(m, st.st_size);
    }
    close(fd);
}

static void op_chmod(struct actor *a)
{
    note(a, chmod(somewhere(a, 0), roll(a, 010000)));
}

static void op_copy(struct actor *a)
{
    int in = note_fd(a, open(somewhere(a, 0), O_RDONLY)), out = note_fd(a, open(somewhere(a, 1), O_RDWR));
    if (in >= 0 && out >= 0) {
        off_t from = roll(a, BIGGEST), to = roll(a, BIGGEST);
        note(a, copy_file_range(in, &from, out, &to, roll(a, 9000), 0));
    }
    if (in >= 0)
        close(in);
    if (out >= 0)
        close(out);
}

static void op_stat(struct actor *a)
{
    struct stat st;
    if (note(a, lstat(somewhere(a, 0), &st)) == 0)
        a->hash = mix(mix(mix(a->hash, st.st_mode), st.st_nlink), S_ISREG(st.st_mode) ? st.st_size : 0);
}

static void op_tmpfile(struct actor *a)
{
    char self[32];
    const char *to = somewhere(a, 0);
    int fd = open(a->n ? "t1" : "t0", O_TMPFILE | O_RDWR, 0640);
    REQ(fd >= 0);
    fill(a, 100);
    REQ(write(fd, a->buf, 100) == 100);
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    note(a, linkat(AT_FDCWD, self, AT_FDCWD, to, AT_SYMLINK_FOLLOW));
    close(fd);
}

/* ---- what is done in the shared tree: nothing that the other could see is asked ---- */

static void shared_append(struct actor *a)
{
    int fd = open("shared/log", O_WRONLY | O_APPEND);
    (void)a;
    REQ(fd >= 0 && write(fd, "a record of both\n", 17) == 17 && close(fd) == 0);
}

static void shared_stripe(struct actor *a)
{
    off_t at = (off_t)(2 * roll(a, SLOTS) + a->n) * SLOT;
    int fd = open("shared/striped", O_RDWR);
    unsigned how = roll(a, 3);
    REQ(fd >= 0);
    fill(a, SLOT);
    if (how == 0) {
        REQ(pwrite(fd, a->buf, SLOT, at) == SLOT);
    } else if (how == 1) {
        REQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, SLOT) == 0);
    } else {
        char *m = mmap(NULL, 2 * SLOTS * SLOT, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        REQ(m != MAP_FAILED);
        memcpy(m + at, a->buf, SLOT);
        munmap(m, 2 * SLOTS * SLOT);
    }
    REQ(pread(fd, a->buf + SLOT, SLOT, at) == SLOT);
    a->hash = mix_bytes(a->hash, a->buf + SLOT, SLOT);
    close(fd);
}

/* Names of one's own in directories of both: made, moved to and fro, removed. */
static void shared_names(struct actor *a)
{
    char from[64], to[64];
    unsigned n = roll(a, 40), where = roll(a, 2);
    snprintf(from, sizeof from, "shared/s%u/%c%u", where, 'x' + a->n, n);
    snprintf(to, sizeof to, "shared/s%u/%c%u", roll(a, 2), 'x' + a->n, roll(a, 40));
    switch (roll(a, 7)) {
    case 0:
        note(a, link("shared/common", from));
        break;
    case 1:
        note(a, unlink(from));
        break;
    case 2:
        note(a, mkdir(from, 0755));
        break;
    case 3:
        note(a, rmdir(from));
        break;
    case 4:
        note(a, symlink("../common", from));
        break;
    case 5:
        note(a, renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE));
        break;
    default:
        note(a, rename(from, to));
    }
}

static void shared_xattr(struct actor *a)
{
    char name[32];
    snprintf(name, sizeof name, "user.%c%u", 'x' + a->n, roll(a, 10));
    fill(a, 30);
    if (roll(a, 3))
        note(a, setxattr("shared/common", name, a->buf, roll(a, 30), 0));
    else
        note(a, removexattr("shared/common", name));
}

static void *act(void *arg)
{
    static void (*const ops[])(struct actor *) = {
        op_create,    op_create,    op_create,    op_create,    op_read,    op_read,       op_size,       op_size,
        op_rename,    op_rename,    op_rename,    op_link,      op_unlink,  op_mkdir,      op_mkdir,      op_mkdir,
        op_rmdir,     op_rmdir,     op_symlink,   op_readlink,  op_xattr,   op_xattr,      op_fallocate,  op_map,
        op_map,       op_chmod,     op_copy,      op_stat,      op_tmpfile, shared_append, shared_stripe, shared_stripe,
        shared_names, shared_names, shared_names, shared_xattr,
    };
    struct actor *a = arg;
    pin(a->n);
    a->buf = malloc(2 * BIGGEST);
    REQ(a->buf);
    for (int i = 0; i < a->ops; i++) {
        unsigned which = roll(a, COUNT(ops));
        a->hash = mix(a->hash, which);
        ops[which](a);
    }
    free(a->buf);
    return NULL;
}

/* ---- what has become of it ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static uint64_t content(int dir, const char *name, const struct stat *st)
{
    static char buf[2 * BIGGEST];
    uint64_t h = st->st_size;
    ssize_t n;
    if (S_ISLNK(st->st_mode)) {
        n = readlinkat(dir, name, buf, sizeof buf);
        return mix_bytes(h, buf, n);
    }
    if (!S_ISREG(st->st_mode))
        return S_ISDIR(st->st_mode) ? 0 : st->st_rdev;
    int fd = openat(dir, name, O_RDONLY);
    REQ(fd >= 0);
    while ((n = read(fd, buf, sizeof buf)) > 0)
        h = mix_bytes(h, buf, n);
    REQ(n == 0);
    close(fd);
    return mix(h, st->st_blocks);
}

/* Attributes are summed up, whatever their order. */
static uint64_t attributes(int dir, const char *name)
{
    char path[64], list[2048], value[256];
    int fd = openat(dir, name, O_PATH | O_NOFOLLOW);
    uint64_t sum = 0;
    REQ(fd >= 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t n = listxattr(path, list, sizeof list);
    for (char *p = list; n > 0 && p < list + n; p += strlen(p) + 1) {
        ssize_t size = getxattr(path, p, value, sizeof value);
        sum += mix_bytes(mix_bytes(size, p, strlen(p)), value, size > 0 ? size : 0);
    }
    close(fd);
    return sum;
}

static uint64_t digest(int dir, int remove)
{
    char *names[512];
    size_t n = 0;
    uint64_t h = 0;
    DIR *d = fdopendir(dup(dir));
    REQ(d);
    rewinddir(d);
    for (struct dirent *e; (e = readdir(d));) {
        REQ(n < COUNT(names));
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            names[n++] = strdup(e->d_name);
    }
    closedir(d);
    qsort(names, n, sizeof *names, by_name);
    for (size_t i = 0; i < n; i++) {
        struct stat st;
        REQ(fstatat(dir, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0);
        h = mix(mix(mix_bytes(h, names[i], strlen(names[i])), st.st_mode), st.st_nlink);
        if (!remove)
            h = mix(mix(h, content(dir, names[i], &st)), S_ISLNK(st.st_mode) ? 0 : attributes(dir, names[i]));
        if (S_ISDIR(st.st_mode)) {
            int below = openat(dir, names[i], O_RDONLY | O_DIRECTORY);
            REQ(below >= 0);
            h = mix(h, digest(below, remove));
            close(below);
        }
        if (remove)
            REQ(unlinkat(dir, names[i], S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) == 0);
        free(names[i]);
    }
    return h;
}

static void make_shared(void)
{
    static char zeros[2 * SLOTS * SLOT];
    REQ(mkdir("t0", 0755) == 0 && mkdir("t1", 0755) == 0 && mkdir("shared", 0755) == 0);
    REQ(mkdir("shared/s0", 0755) == 0 && mkdir("shared/s1", 0755) == 0);
    put_text("shared/log", "");
    put_text("shared/common", "common");
    put_file("shared/striped", zeros, sizeof zeros);
}

static void state(int round, const char *what, uint64_t value)
{
    char name[96];
    snprintf(name, sizeof name, "seed %d: %s: %016llx", round, what, (unsigned long long)value);
    CHECK(1, name);
}

static void play(int round, int ops)
{
    struct actor actors[2];
    pthread_t t[2];
    REQ(mkdir("round", 0755) == 0 && chdir("round") == 0);
    make_shared();
    for (int i = 0; i < 2; i++) {
        actors[i] = (struct actor){.n = i, .ops = ops, .random = mix(round, i + 1) | 1};
        REQ(pthread_create(&t[i], NULL, act, &actors[i]) == 0);
    }
    for (int i = 0; i < 2; i++)
        REQ(pthread_join(t[i], NULL) == 0);
    int here = open(".", O_RDONLY | O_DIRECTORY);
    state(round, "what the first was told", actors[0].hash);
    state(round, "what the second was told", actors[1].hash);
    state(round, "the trees", digest(here, 0));
    digest(here, 1);
    close(here);
    CHECK(chdir("..") == 0 && rmdir("round") == 0, "all of it can be removed");
}

int main(void)
{
    int full = exists("/fixtures/full");
    for (int round = 1; round <= (full ? LONG_ROUNDS : 1); round++)
        alarm(TAP_SECONDS), play(round, full ? 4 * OPS : OPS);
    return tap_end();
}
