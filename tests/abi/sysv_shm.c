// SPDX-License-Identifier: MIT
/* System V shared memory: keys, permissions, attaching, counts over fork, exec and exit, removal, what ipcs reads. */
#include "tests/abi/util.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/shm.h>

#define KEY 0x51190001
#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif

static struct shmid_ds ds_of(int id)
{
    struct shmid_ds ds;
    REQ(shmctl(id, IPC_STAT, &ds) == 0);
    return ds;
}

static int new_segment(size_t size)
{
    int id = shmget(IPC_PRIVATE, size, 0600);
    REQ(id >= 0);
    return id;
}

static int no_segment(const void *p)
{
    return p == (void *)-1;
}

static void getting(void)
{
    CHECK_ERRNO(shmget(KEY, 4096, 0), ENOENT, "a key nobody has used");
    int id = shmget(KEY, 5000, IPC_CREAT | 0640);
    CHECK(id >= 0, "it is made");
    CHECK(shmget(KEY, 0, 0) == id && shmget(KEY, 5000, IPC_CREAT) == id && shmget(KEY, 100, 0600) == id, "and found");
    CHECK_ERRNO(shmget(KEY, 5001, 0), EINVAL, "not as a larger one");
    CHECK_ERRNO(shmget(KEY, 100, IPC_CREAT | IPC_EXCL), EEXIST, "nor made again");
    CHECK_ERRNO(shmget(IPC_PRIVATE, 0, 0600), EINVAL, "of no size");
    CHECK_ERRNO(shmget(KEY + 1, 0, IPC_CREAT | 0600), EINVAL, "of no size, by a key");
    CHECK_ERRNO(shmget(IPC_PRIVATE, ~0ul, 0600), EINVAL, "too large");
    int other = new_segment(100);
    CHECK(other != id && ds_of(other).shm_perm.__key == IPC_PRIVATE, "IPC_PRIVATE makes a new one each time");
    struct shmid_ds ds = ds_of(id);
    CHECK(ds.shm_segsz == 5000 && ds.shm_perm.__key == KEY && (ds.shm_perm.mode & 0777) == 0640 && ds.shm_nattch == 0,
          "IPC_STAT: size, key, mode");
    CHECK(ds.shm_perm.uid == geteuid() && ds.shm_perm.cuid == geteuid() && ds.shm_perm.gid == getegid() &&
              ds.shm_perm.cgid == getegid(),
          "owner and creator");
    CHECK(ds.shm_cpid == getpid() && ds.shm_lpid == 0 && ds.shm_atime == 0 && ds.shm_dtime == 0 &&
              labs(ds.shm_ctime - time(NULL)) < 100,
          "who made it and when");
    CHECK_CHILD(
        "another user", drop_root(); REQ(shmget(KEY, 0, 0) == id); REQ(shmget(KEY, 0, 0444) < 0 && errno == EACCES);
        REQ(no_segment(shmat(id, NULL, 0)) && errno == EACCES); REQ(shmctl(id, IPC_STAT, &ds) < 0 && errno == EACCES);
        REQ(shmctl(id, IPC_RMID, NULL) < 0 && errno == EPERM); REQ(shmctl(id, IPC_SET, &ds) < 0 && errno == EPERM);
        REQ(shmctl(id, SHM_LOCK, NULL) < 0 && errno == EPERM));
    ds.shm_perm.mode = 0604;
    ds.shm_perm.uid = 7;
    CHECK(shmctl(id, IPC_SET, &ds) == 0 && (ds_of(id).shm_perm.mode & 0777) == 0604 && ds_of(id).shm_perm.uid == 7 &&
              ds_of(id).shm_perm.cuid == 0,
          "IPC_SET changes mode and owner, not the creator");
    CHECK_CHILD("another user may read now", drop_root(); char *p = shmat(id, NULL, SHM_RDONLY);
                REQ(!no_segment(p) && p[0] == 0); REQ(no_segment(shmat(id, NULL, 0)) && errno == EACCES));
    ds.shm_perm.uid = -1;
    CHECK_ERRNO(shmctl(id, IPC_SET, &ds), EINVAL, "nobody cannot own it");
    CHECK(shmctl(id, IPC_RMID, NULL) == 0 && shmctl(other, IPC_RMID, NULL) == 0, "IPC_RMID");
    CHECK_ERRNO(shmctl(id, IPC_STAT, &ds), EINVAL, "then it is gone");
    CHECK_ERRNO(shmget(KEY, 0, 0), ENOENT, "and its key");
    CHECK_ERRNO((long)shmat(id, NULL, 0), EINVAL, "it cannot be attached");
    int again = new_segment(100);
    CHECK(again != id, "a new one has another id");
    shmctl(again, IPC_RMID, NULL);
}

static void attaching(void)
{
    int id = new_segment(3 * PAGE);
    char *p = shmat(id, NULL, 0), *q = shmat(id, NULL, SHM_RDONLY);
    CHECK(!no_segment(p) && !no_segment(q) && p != q && p[0] == 0 && p[3 * PAGE - 1] == 0, "attached twice, zeros");
    p[PAGE] = 42;
    CHECK(q[PAGE] == 42, "one memory");
    struct shmid_ds ds = ds_of(id);
    CHECK(ds.shm_nattch == 2 && ds.shm_lpid == getpid() && labs(ds.shm_atime - time(NULL)) < 100 && ds.shm_dtime == 0,
          "two attachments are counted");
    CHECK(tap_killed(CHILD(q[0] = 1), SIGSEGV), "SHM_RDONLY cannot be written");
    CHECK_ERRNO(mprotect(q, PAGE, PROT_READ | PROT_WRITE), EACCES, "nor made writable");
    CHECK_ERRNO((long)shmat(id, p, 0), EINVAL, "not where something is");
    CHECK(shmat(id, p, SHM_REMAP) == p && ds_of(id).shm_nattch == 2 && p[PAGE] == 42, "SHM_REMAP: in its place");
    CHECK_ERRNO((long)shmat(id, NULL, SHM_REMAP), EINVAL, "SHM_REMAP nowhere");
    CHECK_ERRNO((long)shmat(id, q + 1, 0), EINVAL, "not at a page");
    CHECK(shmdt(q) == 0 && ds_of(id).shm_nattch == 1, "shmdt");
    CHECK(shmat(id, q + 77, SHM_RND) == q && shmdt(q) == 0, "SHM_RND rounds down");
    CHECK_ERRNO(shmdt(q), EINVAL, "twice");
    CHECK_ERRNO(shmdt(p + 1), EINVAL, "shmdt not at a page");
    CHECK_ERRNO(shmdt(p + PAGE), EINVAL, "nor in the middle");
    CHECK_ERRNO((long)shmat(-1, NULL, 0), EINVAL, "no id");
    CHECK_ERRNO((long)shmat(id + 1, NULL, 0), EINVAL, "not its id");
    CHECK_ERRNO((long)shmat(id, NULL, SHM_EXEC), EACCES, "SHM_EXEC needs the permission");
    int code = shmget(IPC_PRIVATE, PAGE, 0700);
    void *x = shmat(code, NULL, SHM_EXEC);
    CHECK(!no_segment(x) && shmdt(x) == 0 && shmctl(code, IPC_RMID, NULL) == 0, "SHM_EXEC");
    CHECK(munmap(p + PAGE, PAGE) == 0 && ds_of(id).shm_nattch == 2, "a hole makes two of one");
    CHECK(shmdt(p) == 0 && ds_of(id).shm_nattch == 0 && labs(ds_of(id).shm_dtime - time(NULL)) < 100,
          "shmdt takes both");
    p = shmat(id, NULL, 0);
    CHECK(p[PAGE] == 42, "what was written stays");
    CHECK(munmap(p, 3 * PAGE) == 0 && ds_of(id).shm_nattch == 0, "munmap detaches");
    shmctl(id, IPC_RMID, NULL);
}

static void counting(void)
{
    int id = new_segment(PAGE), go[2], back[2];
    volatile int *p = shmat(id, NULL, 0);
    make_pipe(go), make_pipe(back);
    pid_t pid = tap_fork();
    if (pid == 0) {
        token_send(back[1]);
        token_wait(go[0]);
        p[0] = 99;
        if (shmdt((void *)p) < 0)
            _exit(1);
        token_send(back[1]);
        token_wait(go[0]);
        REQ(!no_segment(shmat(id, NULL, 0)));
        _exit(0);
    }
    token_wait(back[0]);
    CHECK(ds_of(id).shm_nattch == 2, "fork attaches");
    token_send(go[1]);
    token_wait(back[0]);
    CHECK(ds_of(id).shm_nattch == 1 && p[0] == 99 && ds_of(id).shm_lpid == pid,
          "a child detaches; what it wrote is there");
    token_send(go[1]);
    REQ(tap_wait(pid) == 0);
    CHECK(ds_of(id).shm_nattch == 1, "exit detaches");
    CHECK(shmctl(id, IPC_RMID, NULL) == 0 && (ds_of(id).shm_perm.mode & 01000) && ds_of(id).shm_perm.__key == 0,
          "IPC_RMID of an attached one marks it");
    volatile int *q = shmat(id, NULL, 0);
    CHECK(!no_segment((void *)q) && q[0] == 99, "it can still be attached by its id");
    CHECK(shmdt((void *)q) == 0 && ds_of(id).shm_nattch == 1 && shmdt((void *)p) == 0, "until the last one goes");
    struct shmid_ds ds;
    CHECK_ERRNO(shmctl(id, IPC_STAT, &ds), EINVAL, "which takes it along");
    id = new_segment(PAGE);
    pid = tap_fork();
    if (pid == 0) {
        REQ(!no_segment(shmat(id, NULL, 0)) && shmctl(id, IPC_RMID, NULL) == 0);
        execl("/bin/sh", "sh", "-c", "exit 3", NULL);
        _exit(1);
    }
    REQ(tap_exited(tap_wait(pid), 3));
    CHECK_ERRNO(shmctl(id, IPC_STAT, &ds), EINVAL, "exec detaches, and so removes");
    close(go[0]), close(go[1]), close(back[0]), close(back[1]);
}

static void control(void)
{
    struct shmid_ds ds;
    struct shminfo info;
    struct shm_info use;
    int id = new_segment(2 * PAGE + 1);
    CHECK_ERRNO(shmctl(id, 99, &ds), EINVAL, "an unknown command");
    CHECK_ERRNO(shmctl(-1, IPC_STAT, &ds), EINVAL, "no id");
    CHECK_ERRNO(shmctl(id, IPC_STAT, at_addr(8)), EFAULT, "IPC_STAT: nowhere");
    CHECK_ERRNO(shmctl(id, IPC_SET, at_addr(8)), EFAULT, "IPC_SET: nothing");
    CHECK(shmctl(0, IPC_INFO, (void *)&info) >= 0 && info.shmmin == 1 && info.shmmni >= 4096 && info.shmmax > 1ul << 40,
          "IPC_INFO");
    int max = shmctl(0, SHM_INFO, (void *)&use), found = 0;
    CHECK(max >= 0 && use.used_ids == 1 && use.shm_tot == 3, "SHM_INFO");
    for (int i = 0; i <= max; i++)
        found += shmctl(i, SHM_STAT, &ds) == id && ds.shm_segsz == 2 * PAGE + 1;
    CHECK(found == 1 && shmctl(max, SHM_STAT_ANY, &ds) == id, "SHM_STAT finds it by its index");
    CHECK_CHILD("SHM_STAT_ANY asks for no permission", drop_root();
                REQ(shmctl(max, SHM_STAT, &ds) < 0 && errno == EACCES); REQ(shmctl(max, SHM_STAT_ANY, &ds) == id));
    CHECK(shmctl(id, SHM_LOCK, NULL) == 0 && (ds_of(id).shm_perm.mode & 02000), "SHM_LOCK");
    CHECK(shmctl(id, SHM_UNLOCK, NULL) == 0 && !(ds_of(id).shm_perm.mode & 02000), "SHM_UNLOCK");
    char text[4096], line[64];
    int fd = open("/proc/sysvipc/shm", O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    REQ(n > 0);
    text[n] = 0;
    snprintf(line, sizeof line, "%10d %10d   600 %21ld %5d", 0, id, 2 * PAGE + 1, getpid());
    CHECK(
        strstr(text, "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid") ==
            text,
        "/proc/sysvipc/shm: its head");
    CHECK(strstr(text, line) != NULL, "/proc/sysvipc/shm: a line for each");
    close(fd);
    char *p = shmat(id, NULL, 0);
    fd = open("/proc/self/maps", O_RDONLY);
    static char maps[65536];
    size_t len = 0;
    while ((n = read(fd, maps + len, sizeof maps - 1 - len)) > 0)
        len += n;
    maps[len] = 0;
    CHECK(strstr(maps, "/SYSV00000000 (deleted)") != NULL, "its name in /proc/self/maps");
    close(fd);
    shmdt(p);
    CHECK(file_is("/proc/sys/kernel/shmmni", "4096\n"), "/proc/sys/kernel/shmmni");
    shmctl(id, IPC_RMID, NULL);
}

/* Attach, detach and fork at once: the count ends where it began. */
static void *comes_and_goes(void *arg)
{
    pin(1);
    for (int i = 0; i < 300; i++) {
        void *p = shmat((int)(long)arg, NULL, 0);
        REQ(!no_segment(p));
        *(volatile char *)p = 1;
        REQ(shmdt(p) == 0);
    }
    return NULL;
}

static void together(void)
{
    pthread_t t;
    int id = new_segment(PAGE);
    void *p = shmat(id, NULL, 0);
    pin(0);
    REQ(pthread_create(&t, NULL, comes_and_goes, (void *)(long)id) == 0);
    for (int i = 0; i < 30; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        REQ(tap_wait(pid) == 0);
    }
    pthread_join(t, NULL);
    CHECK(ds_of(id).shm_nattch == 1, "attached and forked at once: the count is right");
    shmdt(p);
    shmctl(id, IPC_RMID, NULL);
}

int main(void)
{
    getting();
    attaching();
    counting();
    control();
    together();
    return tap_end();
}
