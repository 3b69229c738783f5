// SPDX-License-Identifier: MIT
/* System V semaphores: keys, operations all at once, waiting, SEM_UNDO, every command, removal, races. */
#include "tests/abi/util.h"

#include <pthread.h>
#include <sys/sem.h>
#include <sys/time.h>

#define KEY 0x5e300001
#ifndef SEM_STAT_ANY
#define SEM_STAT_ANY 20
#endif

union semun {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
    struct seminfo *info;
};

static int new_set(int n)
{
    int id = semget(IPC_PRIVATE, n, 0600);
    REQ(id >= 0);
    return id;
}

static int ctl(int id, int num, int cmd, int val)
{
    return semctl(id, num, cmd, (union semun){.val = val});
}

static int value(int id, int num)
{
    return semctl(id, num, GETVAL);
}

static int op(int id, int num, int n, int flags)
{
    struct sembuf s = {num, n, flags};
    return semop(id, &s, 1);
}

static int timed(int id, int num, int n, long ms)
{
    struct sembuf s = {num, n, 0};
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    return semtimedop(id, &s, 1, &t);
}

static struct semid_ds ds_of(int id)
{
    struct semid_ds ds;
    REQ(semctl(id, 0, IPC_STAT, (union semun){.buf = &ds}) == 0);
    return ds;
}

static void remove_set(int id)
{
    REQ(semctl(id, 0, IPC_RMID) == 0);
}

static void getting(void)
{
    struct semid_ds ds;
    CHECK_ERRNO(semget(KEY, 1, 0), ENOENT, "a key nobody has used");
    CHECK_ERRNO(semget(KEY, 0, IPC_CREAT | 0600), EINVAL, "none to be made");
    CHECK_ERRNO(semget(KEY, -1, IPC_CREAT | 0600), EINVAL, "less than none");
    CHECK_ERRNO(semget(KEY, 32001, IPC_CREAT | 0600), EINVAL, "too many");
    int id = semget(KEY, 3, IPC_CREAT | 0640);
    CHECK(id >= 0 && semget(KEY, 0, 0) == id && semget(KEY, 3, IPC_CREAT) == id, "made and found");
    CHECK_ERRNO(semget(KEY, 4, 0), EINVAL, "not as a larger one");
    CHECK_ERRNO(semget(KEY, 1, IPC_CREAT | IPC_EXCL), EEXIST, "nor made again");
    ds = ds_of(id);
    CHECK(ds.sem_nsems == 3 && ds.sem_perm.__key == KEY && (ds.sem_perm.mode & 0777) == 0640 && ds.sem_otime == 0 &&
              labs(ds.sem_ctime - time(NULL)) < 100 && ds.sem_perm.uid == geteuid() && ds.sem_perm.cgid == getegid(),
          "IPC_STAT");
    CHECK_CHILD("another user", drop_root(); REQ(semget(KEY, 0, 0) == id);
                REQ(semget(KEY, 0, 0444) < 0 && errno == EACCES); REQ(op(id, 0, 1, 0) < 0 && errno == EACCES);
                REQ(op(id, 0, 0, 0) < 0 && errno == EACCES); REQ(value(id, 0) < 0 && errno == EACCES);
                REQ(ctl(id, 0, SETVAL, 1) < 0 && errno == EACCES); REQ(semctl(id, 0, IPC_RMID) < 0 && errno == EPERM);
                REQ(semctl(id, 0, IPC_SET, (union semun){.buf = &ds}) < 0 && errno == EPERM));
    ds.sem_perm.mode = 0604;
    CHECK(semctl(id, 0, IPC_SET, (union semun){.buf = &ds}) == 0 && (ds_of(id).sem_perm.mode & 0777) == 0604,
          "IPC_SET");
    CHECK_CHILD("who may read may wait for zero", drop_root(); REQ(op(id, 0, 0, 0) == 0 && value(id, 0) == 0);
                REQ(op(id, 0, 1, 0) < 0 && errno == EACCES));
    ds.sem_perm.gid = -1;
    CHECK_ERRNO(semctl(id, 0, IPC_SET, (union semun){.buf = &ds}), EINVAL, "no group cannot own it");
    remove_set(id);
    CHECK_ERRNO(semctl(id, 0, IPC_RMID), EINVAL, "removed once");
    CHECK_ERRNO(op(id, 0, 1, 0), EINVAL, "then it is gone");
    CHECK_ERRNO(semget(KEY, 0, 0), ENOENT, "and its key");
}

static void operating(void)
{
    struct sembuf two[2] = {{0, 3, 0}, {1, -1, IPC_NOWAIT}}, many[501];
    int id = new_set(2);
    CHECK(op(id, 0, 5, 0) == 0 && value(id, 0) == 5 && op(id, 0, -2, 0) == 0 && value(id, 0) == 3, "up and down");
    CHECK(semctl(id, 0, GETPID) == getpid() && semctl(id, 1, GETPID) == 0 && ds_of(id).sem_otime != 0, "who and when");
    CHECK_ERRNO(op(id, 0, -4, IPC_NOWAIT), EAGAIN, "not below zero");
    CHECK_ERRNO(op(id, 0, 0, IPC_NOWAIT), EAGAIN, "nor is it zero");
    CHECK(op(id, 1, 0, 0) == 0, "the other is");
    CHECK_ERRNO(semop(id, two, 2), EAGAIN, "one of two cannot");
    CHECK(value(id, 0) == 3, "then neither is done");
    two[1].sem_op = 1;
    CHECK(semop(id, two, 2) == 0 && value(id, 0) == 6 && value(id, 1) == 1, "both");
    struct sembuf same[3] = {{0, -6, 0}, {0, 0, 0}, {0, 2, 0}};
    CHECK(semop(id, same, 3) == 0 && value(id, 0) == 2, "one after the other on the same one");
    CHECK_ERRNO(op(id, 0, 32766, 0), ERANGE, "too much");
    CHECK_ERRNO(op(id, 2, 1, 0), EFBIG, "there is no such one");
    CHECK_ERRNO(semop(id, two, 0), EINVAL, "no operation");
    memset(many, 0, sizeof many);
    CHECK_ERRNO(semop(id, many, 501), E2BIG, "too many");
    for (int i = 0; i < 500; i++)
        many[i] = (struct sembuf){1, 1, 0};
    CHECK(semop(id, many, 500) == 0 && value(id, 1) == 501, "five hundred");
    CHECK_ERRNO(semop(id, at_addr(8), 1), EFAULT, "operations that are not there");
    CHECK_ERRNO(semop(-1, two, 1), EINVAL, "no id");
    struct timespec bad = {0, 1000000000};
    CHECK_ERRNO(semtimedop(id, two, 1, &bad), EINVAL, "a second's nanoseconds");
    CHECK_ERRNO(semtimedop(id, two, 1, at_addr(8)), EFAULT, "a timeout that is not there");
    int64_t start = now_ns();
    CHECK_ERRNO(timed(id, 0, -30000, 50), EAGAIN, "a timeout");
    CHECK(now_ns() - start >= 50000000, "not before its time");
    remove_set(id);
}

static void commands(void)
{
    unsigned short all[3] = {1, 2, 3}, got[3];
    struct seminfo info;
    struct semid_ds ds;
    int id = new_set(3);
    CHECK(semctl(id, 0, SETALL, (union semun){.array = all}) == 0 &&
              semctl(id, 0, GETALL, (union semun){.array = got}) == 0 && !memcmp(all, got, sizeof all),
          "SETALL, GETALL");
    all[1] = 32768;
    CHECK_ERRNO(semctl(id, 0, SETALL, (union semun){.array = all}), ERANGE, "SETALL: too much");
    CHECK_ERRNO(semctl(id, 0, SETALL, (union semun){.array = at_addr(8)}), EFAULT, "SETALL: nothing there");
    CHECK_ERRNO(semctl(id, 0, GETALL, (union semun){.array = at_addr(8)}), EFAULT, "GETALL: nowhere");
    CHECK(value(id, 1) == 2, "none of them set one");
    CHECK(ctl(id, 1, SETVAL, 32767) == 0 && value(id, 1) == 32767, "SETVAL");
    CHECK_ERRNO(ctl(id, 1, SETVAL, 32768), ERANGE, "SETVAL: too much");
    CHECK_ERRNO(ctl(id, 1, SETVAL, -1), ERANGE, "SETVAL: too little");
    CHECK_ERRNO(ctl(id, 3, SETVAL, 1), EINVAL, "SETVAL: no such one");
    CHECK_ERRNO(value(id, 3), EINVAL, "GETVAL: no such one");
    CHECK_ERRNO(semctl(id, -1, GETPID), EINVAL, "GETPID: no such one");
    CHECK_ERRNO(semctl(id, 0, 99), EINVAL, "an unknown command");
    CHECK_ERRNO(semctl(-1, 0, GETVAL), EINVAL, "no id");
    CHECK_ERRNO(semctl(id, 0, IPC_STAT, (union semun){.buf = at_addr(8)}), EFAULT, "IPC_STAT: nowhere");
    CHECK(semctl(0, 0, IPC_INFO, (union semun){.info = &info}) >= 0 && info.semmsl == 32000 && info.semopm == 500 &&
              info.semvmx == 32767 && info.semmni == 32000,
          "IPC_INFO");
    int max = semctl(0, 0, SEM_INFO, (union semun){.info = &info});
    CHECK(max >= 0 && info.semusz == 1 && info.semaem == 3, "SEM_INFO");
    CHECK(semctl(max, 0, SEM_STAT, (union semun){.buf = &ds}) == id && ds.sem_nsems == 3, "SEM_STAT by index");
    CHECK_CHILD("SEM_STAT_ANY asks for no permission", drop_root();
                REQ(semctl(max, 0, SEM_STAT, (union semun){.buf = &ds}) < 0 && errno == EACCES);
                REQ(semctl(max, 0, SEM_STAT_ANY, (union semun){.buf = &ds}) == id));
    char text[2048], line[64];
    int fd = open("/proc/sysvipc/sem", O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    REQ(n > 0);
    text[n] = 0;
    snprintf(line, sizeof line, "%10d %10d   600 %10d", 0, id, 3);
    CHECK(strstr(text, "       key      semid perms      nsems   uid   gid  cuid  cgid      otime      ctime\n") ==
                  text &&
              strstr(text, line),
          "/proc/sysvipc/sem");
    CHECK(file_is("/proc/sys/kernel/sem", "32000\t1024000000\t500\t32000\n"), "/proc/sys/kernel/sem");
    close(fd);
    remove_set(id);
}

/* ---- waiting ---- */

static int shared;

static void *waits(void *arg)
{
    long n = (long)arg;
    errno = 0;
    return (void *)(long)(op(shared, 0, (int)n, 0) ? errno : 0);
}

static void await(int cmd, int n)
{
    for (int i = 0; i < 10000 && semctl(shared, 0, cmd) != n; i++)
        msleep(1);
}

static void on_alarm(int sig)
{
    (void)sig;
}

static void waiting(void)
{
    pthread_t t[3];
    void *got;
    shared = new_set(1);
    REQ(pthread_create(&t[0], NULL, waits, (void *)-5) == 0);
    await(GETNCNT, 1);
    CHECK(semctl(shared, 0, GETNCNT) == 1 && semctl(shared, 0, GETZCNT) == 0, "GETNCNT counts who waits for more");
    REQ(pthread_create(&t[1], NULL, waits, (void *)-2) == 0);
    await(GETNCNT, 2);
    CHECK(op(shared, 0, 3, 0) == 0 && pthread_join(t[1], &got) == 0 && !got && value(shared, 0) == 1,
          "the one that can goes on, though it came later");
    CHECK(op(shared, 0, 4, 0) == 0 && pthread_join(t[0], &got) == 0 && !got && value(shared, 0) == 0, "then the other");
    REQ(op(shared, 0, 1, 0) == 0);
    REQ(pthread_create(&t[0], NULL, waits, (void *)0) == 0);
    await(GETZCNT, 1);
    CHECK(semctl(shared, 0, GETZCNT) == 1 && op(shared, 0, -1, 0) == 0 && pthread_join(t[0], &got) == 0 && !got,
          "one waits for zero");
    REQ(pthread_create(&t[0], NULL, waits, (void *)-1) == 0);
    await(GETNCNT, 1);
    CHECK(ctl(shared, 0, SETVAL, 1) == 0 && pthread_join(t[0], &got) == 0 && !got, "SETVAL wakes");
    pid_t pid = tap_fork();
    if (pid == 0) {
        struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
        struct itimerval every = {{0, 20000}, {0, 20000}};
        sigaction(SIGALRM, &sa, NULL);
        setitimer(ITIMER_REAL, &every, NULL);
        REQ(op(shared, 0, -1, 0) < 0 && errno == EINTR);
        _exit(0);
    }
    CHECK(tap_wait(pid) == 0 && semctl(shared, 0, GETNCNT) == 0, "a signal ends it with EINTR, SA_RESTART or not");
    for (int i = 0; i < 3; i++)
        REQ(pthread_create(&t[i], NULL, waits, (void *)-1) == 0);
    await(GETNCNT, 3);
    remove_set(shared);
    int gone = 0;
    for (int i = 0; i < 3; i++) {
        pthread_join(t[i], &got);
        gone += (long)got == EIDRM;
    }
    CHECK(gone == 3, "IPC_RMID ends them with EIDRM");
}

static void undoing(void)
{
    int id = new_set(2);
    REQ(ctl(id, 0, SETVAL, 5) == 0);
    pid_t pid = tap_fork();
    if (pid == 0) {
        REQ(op(id, 0, -3, SEM_UNDO) == 0 && op(id, 0, 1, SEM_UNDO) == 0 && op(id, 1, 4, SEM_UNDO) == 0);
        REQ(value(id, 0) == 3 && value(id, 1) == 4);
        REQ(CHILD((void)0) == 0); /* a child's end undoes nothing of its parent's */
        REQ(value(id, 0) == 3);
        _exit(0);
    }
    REQ(tap_wait(pid) == 0);
    CHECK(value(id, 0) == 5 && value(id, 1) == 0 && semctl(id, 0, GETPID) == pid, "SEM_UNDO: the end takes it back");
    CHECK_CHILD("what another took meanwhile", REQ(op(id, 1, 4, SEM_UNDO) == 0); REQ(CHILD(op(id, 1, -3, 0)) == 0));
    CHECK(value(id, 1) == 0, "is missing: not below zero");
    CHECK_CHILD("SETVAL", REQ(op(id, 0, -3, SEM_UNDO) == 0); REQ(ctl(id, 0, SETVAL, 7) == 0));
    CHECK(value(id, 0) == 7, "forgets what was to be undone");
    CHECK_CHILD("exec", REQ(op(id, 0, -2, SEM_UNDO) == 0); execl("/bin/sh", "sh", "-c", "exit 0", NULL); _exit(1));
    CHECK(value(id, 0) == 7, "keeps it until the end");
    pid = tap_fork();
    if (pid == 0) {
        REQ(op(id, 0, -7, SEM_UNDO) == 0);
        pause();
    }
    while (value(id, 0))
        msleep(1);
    kill(pid, SIGKILL);
    CHECK(op(id, 0, -7, 0) == 0 && tap_killed(tap_wait(pid), SIGKILL), "a killed process's lets a waiter go");
    CHECK_ERRNO(op(id, 0, -1, SEM_UNDO | IPC_NOWAIT), EAGAIN, "what fails is not undone");
    pid = tap_fork();
    if (pid == 0) {
        REQ(op(id, 0, 1, SEM_UNDO) == 0);
        remove_set(id);
        _exit(0);
    }
    CHECK(tap_wait(pid) == 0, "and a set that is gone neither");
}

/* SEM_UNDO is shared by those that CLONE_SYSVSEM made, processes too, and done when the last of them is gone. */
static void undoing_together(void)
{
    int id = new_set(1);
    REQ(ctl(id, 0, SETVAL, 5) == 0);
    CHECK_CHILD("SEM_UNDO shared by two processes", {
        pid_t pid = (pid_t)syscall(SYS_clone, CLONE_SYSVSEM | SIGCHLD, 0, 0, 0, 0);
        if (pid == 0)
            _exit(op(id, 0, -2, SEM_UNDO));
        REQ(tap_wait(pid) == 0 && value(id, 0) == 3);
        REQ(op(id, 0, -1, SEM_UNDO) == 0);
    });
    CHECK(value(id, 0) == 5, "is done at the end of both");
    CHECK_CHILD("unshare(CLONE_SYSVSEM) is an end of it too", {
        REQ(op(id, 0, -2, SEM_UNDO) == 0 && unshare(CLONE_SYSVSEM) == 0 && value(id, 0) == 5);
        REQ(op(id, 0, -1, SEM_UNDO) == 0 && value(id, 0) == 4);
    });
    CHECK(value(id, 0) == 5, "what comes after it has its own");
    CHECK_CHILD("unshare(CLONE_SYSVSEM) while another shares it", {
        int p[2];
        make_pipe(p);
        pid_t pid = (pid_t)syscall(SYS_clone, CLONE_SYSVSEM | SIGCHLD, 0, 0, 0, 0);
        if (pid == 0) {
            token_wait(p[0]);
            _exit(0);
        }
        REQ(op(id, 0, -2, SEM_UNDO) == 0 && unshare(CLONE_SYSVSEM) == 0 && value(id, 0) == 3);
        token_send(p[1]);
        REQ(tap_wait(pid) == 0 && value(id, 0) == 5);
    });
    remove_set(id);
}

/* Four numbers: semaphores in a set, in all, operations in a call, sets. */
static int write_limits(const char *text)
{
    int fd = open("/proc/sys/kernel/sem", O_WRONLY);
    if (fd < 0)
        return errno;
    int err = write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : errno;
    close(fd);
    return err;
}

static void limits_set(void)
{
    struct sembuf ops[3] = {{0, 1, 0}, {0, 1, 0}, {0, 1, 0}};
    int id = new_set(1);
    char before[64];
    int fd = open("/proc/sys/kernel/sem", O_RDONLY);
    ssize_t n = read(fd, before, sizeof before - 1);
    REQ(n > 0);
    before[n] = 0;
    close(fd);
    CHECK(write_limits("10 20 2 3\n") == 0, "/proc/sys/kernel/sem is written");
    CHECK(file_is("/proc/sys/kernel/sem", "10\t20\t2\t3\n"), "and told back");
    CHECK_ERRNO(semget(IPC_PRIVATE, 11, 0600), EINVAL, "more semaphores than a set may have");
    CHECK_ERRNO(semop(id, ops, 3), E2BIG, "more operations than a call may have");
    CHECK(semop(id, ops, 2) == 0, "as many as it may");
    int a = semget(IPC_PRIVATE, 10, 0600), b = semget(IPC_PRIVATE, 9, 0600);
    CHECK(a >= 0 && b >= 0, "twenty in all");
    CHECK_ERRNO(semget(IPC_PRIVATE, 1, 0600), ENOSPC, "one more");
    remove_set(a);
    CHECK(write_limits("10 1000 2 2\n") == 0, "room for two sets");
    CHECK_ERRNO(semget(IPC_PRIVATE, 1, 0600), ENOSPC, "a third one");
    CHECK(write_limits("x\n") == EINVAL, "letters");
    CHECK(write_limits(before) == 0 && file_is("/proc/sys/kernel/sem", before), "as before");
    remove_set(b);
    remove_set(id);
}

/* Two processes and a mutex of one semaphore. */
static volatile long *counter;

static void count_up(int id, int cpu)
{
    pin(cpu);
    for (int i = 0; i < 2000; i++) {
        REQ(op(id, 0, -1, SEM_UNDO) == 0);
        long n = *counter;
        if (i % 100 == 0)
            sched_yield();
        *counter = n + 1;
        REQ(op(id, 0, 1, SEM_UNDO) == 0);
    }
}

static void *counts(void *arg)
{
    count_up((int)(long)arg, 1);
    return NULL;
}

static void together(void)
{
    static long n;
    pthread_t t;
    counter = &n;
    int id = new_set(1);
    REQ(ctl(id, 0, SETVAL, 1) == 0);
    REQ(pthread_create(&t, NULL, counts, (void *)(long)id) == 0);
    count_up(id, 0);
    pthread_join(t, NULL);
    CHECK(n == 4000 && value(id, 0) == 1, "two threads exclude each other");
    remove_set(id);
}

int main(void)
{
    getting();
    operating();
    commands();
    waiting();
    undoing();
    undoing_together();
    limits_set();
    together();
    return tap_end();
}
