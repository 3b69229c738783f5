// SPDX-License-Identifier: MIT
/* System V message queues: types, sizes, room, waiting, every command, removal, two who send and receive. */
#include "tests/abi/util.h"

#include <limits.h>
#include <pthread.h>
#include <sys/msg.h>
#include <sys/time.h>

#define KEY 0x3e550001
#ifndef MSG_STAT_ANY
#define MSG_STAT_ANY 13
#endif
#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

static struct {
    long type;
    char text[20000];
} in, out;

static int new_queue(void)
{
    int id = msgget(IPC_PRIVATE, 0600);
    REQ(id >= 0);
    return id;
}

static int put(int id, long type, const char *text)
{
    out.type = type;
    strcpy(out.text, text);
    return msgsnd(id, &out, strlen(text), IPC_NOWAIT);
}

/* Is it this one that comes? */
static int take(int id, long type, int flags, long got_type, const char *text)
{
    memset(&in, 0, sizeof in);
    return msgrcv(id, &in, sizeof in.text, type, IPC_NOWAIT | flags) == (ssize_t)strlen(text) && in.type == got_type &&
           !strcmp(in.text, text);
}

static struct msqid_ds ds_of(int id)
{
    struct msqid_ds ds;
    REQ(msgctl(id, IPC_STAT, &ds) == 0);
    return ds;
}

static void getting(void)
{
    struct msqid_ds ds;
    CHECK_ERRNO(msgget(KEY, 0), ENOENT, "a key nobody has used");
    int id = msgget(KEY, IPC_CREAT | 0620);
    CHECK(id >= 0 && msgget(KEY, 0) == id && msgget(KEY, IPC_CREAT | 0600) == id, "made and found");
    CHECK_ERRNO(msgget(KEY, IPC_CREAT | IPC_EXCL), EEXIST, "not made again");
    ds = ds_of(id);
    CHECK(ds.msg_perm.__key == KEY && (ds.msg_perm.mode & 0777) == 0620 && ds.msg_qnum == 0 && ds.msg_qbytes == 16384 &&
              ds.msg_stime == 0 && ds.msg_rtime == 0 && labs(ds.msg_ctime - time(NULL)) < 100 && ds.msg_lspid == 0,
          "IPC_STAT of a new one");
    CHECK_CHILD(
        "another user", drop_root(); REQ(msgget(KEY, 0) == id); REQ(msgget(KEY, 0444) < 0 && errno == EACCES);
        REQ(put(id, 1, "x") < 0 && errno == EACCES); REQ(msgrcv(id, &in, 10, 0, IPC_NOWAIT) < 0 && errno == EACCES);
        REQ(msgctl(id, IPC_STAT, &ds) < 0 && errno == EACCES); REQ(msgctl(id, IPC_RMID, NULL) < 0 && errno == EPERM);
        REQ(msgctl(id, IPC_SET, &ds) < 0 && errno == EPERM));
    ds.msg_perm.mode = 0602;
    ds.msg_qbytes = 100;
    CHECK(msgctl(id, IPC_SET, &ds) == 0 && (ds_of(id).msg_perm.mode & 0777) == 0602 && ds_of(id).msg_qbytes == 100,
          "IPC_SET");
    CHECK_CHILD("another user may send now", drop_root(); REQ(put(id, 1, "x") == 0);
                REQ(msgrcv(id, &in, 10, 0, IPC_NOWAIT) < 0 && errno == EACCES));
    ds.msg_qbytes = 16385;
    CHECK_ERRNO(msgctl(id, IPC_SET, &ds), EPERM, "more room needs a capability");
    ds.msg_qbytes = 100;
    ds.msg_perm.uid = -1;
    CHECK_ERRNO(msgctl(id, IPC_SET, &ds), EINVAL, "nobody cannot own it");
    CHECK(ds_of(id).msg_perm.uid == geteuid() && msgctl(id, IPC_RMID, NULL) == 0, "IPC_RMID");
    CHECK_ERRNO(msgctl(id, IPC_RMID, NULL), EINVAL, "removed once");
    CHECK_ERRNO(put(id, 1, "x"), EINVAL, "then nothing can be sent");
    CHECK_ERRNO(msgrcv(id, &in, 10, 0, IPC_NOWAIT), EINVAL, "nor received");
}

static void choosing(void)
{
    int id = new_queue();
    REQ(put(id, 3, "three") == 0 && put(id, 1, "one") == 0 && put(id, 2, "two") == 0 && put(id, 1, "uno") == 0);
    CHECK(take(id, 1, MSG_COPY, 1, "one") && take(id, 0, MSG_COPY, 3, "three"), "MSG_COPY looks at the n-th");
    CHECK_ERRNO(msgrcv(id, &in, 100, 4, MSG_COPY | IPC_NOWAIT), ENOMSG, "beyond the last");
    CHECK_ERRNO(msgrcv(id, &in, 100, 0, MSG_COPY), EINVAL, "MSG_COPY does not wait");
    CHECK_ERRNO(msgrcv(id, &in, 100, 0, MSG_COPY | IPC_NOWAIT | MSG_EXCEPT), EINVAL, "nor goes with MSG_EXCEPT");
    CHECK(ds_of(id).msg_qnum == 4 && ds_of(id).msg_lspid == getpid() && ds_of(id).msg_lrpid == 0,
          "all are still there");
    CHECK(take(id, 2, 0, 2, "two"), "by type");
    CHECK_ERRNO(msgrcv(id, &in, 100, 7, IPC_NOWAIT), ENOMSG, "a type that is not there");
    CHECK(take(id, -2, 0, 1, "one"), "the lowest up to a type");
    CHECK(take(id, 1, MSG_EXCEPT, 3, "three"), "any but a type");
    CHECK_ERRNO(msgrcv(id, &in, 100, 1, IPC_NOWAIT | MSG_EXCEPT), ENOMSG, "no other type");
    CHECK(take(id, LONG_MIN, 0, 1, "uno"), "the lowest of all");
    CHECK_ERRNO(msgrcv(id, &in, 100, 0, IPC_NOWAIT), ENOMSG, "nothing is left");
    REQ(put(id, 5, "longer") == 0);
    CHECK_ERRNO(msgrcv(id, &in, 5, 0, IPC_NOWAIT), E2BIG, "one that does not fit");
    CHECK(msgrcv(id, &in, 5, 0, IPC_NOWAIT | MSG_NOERROR) == 5 && !memcmp(in.text, "longe", 5),
          "MSG_NOERROR cuts it off");
    CHECK(ds_of(id).msg_qnum == 0 && ds_of(id).msg_cbytes == 0 && ds_of(id).msg_lrpid == getpid(), "and it is gone");
    CHECK(put(id, 9, "") == 0 && take(id, 0, 0, 9, ""), "a message without text");
    CHECK_ERRNO(put(id, 0, "x"), EINVAL, "no type");
    CHECK_ERRNO(put(id, -1, "x"), EINVAL, "a negative one");
    out.type = 1;
    CHECK_ERRNO(msgsnd(id, &out, 8193, 0), EINVAL, "too long");
    CHECK_ERRNO(msgsnd(id, &out, -1, 0), EINVAL, "of a negative length");
    CHECK_ERRNO(msgsnd(id, at_addr(8), 1, 0), EFAULT, "from nowhere");
    CHECK_ERRNO(msgrcv(id, &in, -1, 0, 0), EINVAL, "room of a negative length");
    CHECK_ERRNO(msgrcv(-1, &in, 1, 0, 0), EINVAL, "no id");
    CHECK(msgsnd(id, &out, 8192, IPC_NOWAIT) == 0 && msgsnd(id, &out, 8192, IPC_NOWAIT) == 0, "two of the longest");
    CHECK_ERRNO(msgsnd(id, &out, 1, IPC_NOWAIT), EAGAIN, "then it is full");
    CHECK_ERRNO(msgrcv(id, at_addr(8), 8192, 0, 0), EFAULT, "to nowhere");
    CHECK(ds_of(id).msg_qnum == 1, "takes it all the same");
    msgctl(id, IPC_RMID, NULL);
}

static void commands(void)
{
    struct msqid_ds ds;
    struct msginfo info;
    int id = new_queue();
    REQ(put(id, 1, "four") == 0);
    CHECK_ERRNO(msgctl(id, 99, &ds), EINVAL, "an unknown command");
    CHECK_ERRNO(msgctl(-1, IPC_STAT, &ds), EINVAL, "no id");
    CHECK_ERRNO(msgctl(id, IPC_STAT, at_addr(8)), EFAULT, "IPC_STAT: nowhere");
    CHECK_ERRNO(msgctl(id, IPC_SET, at_addr(8)), EFAULT, "IPC_SET: nothing");
    CHECK(msgctl(0, IPC_INFO, (void *)&info) >= 0 && info.msgmax == 8192 && info.msgmnb == 16384, "IPC_INFO");
    int max = msgctl(0, MSG_INFO, (void *)&info);
    CHECK(max >= 0 && info.msgpool == 1 && info.msgmap == 1 && info.msgtql == 4, "MSG_INFO");
    CHECK(msgctl(max, MSG_STAT, &ds) == id && ds.msg_qnum == 1, "MSG_STAT by index");
    CHECK_CHILD("MSG_STAT_ANY asks for no permission", drop_root();
                REQ(msgctl(max, MSG_STAT, &ds) < 0 && errno == EACCES); REQ(msgctl(max, MSG_STAT_ANY, &ds) == id));
    char text[2048], line[64];
    int fd = open("/proc/sysvipc/msg", O_RDONLY);
    ssize_t n = read(fd, text, sizeof text - 1);
    REQ(n > 0);
    text[n] = 0;
    snprintf(line, sizeof line, "%10d %10d   600  %10d %10d %5d", 0, id, 4, 1, getpid());
    CHECK(strstr(text, "       key      msqid perms      cbytes       qnum lspid lrpid") == text && strstr(text, line),
          "/proc/sysvipc/msg");
    close(fd);
    CHECK(file_is("/proc/sys/kernel/msgmax", "8192\n") && file_is("/proc/sys/kernel/msgmnb", "16384\n"),
          "/proc/sys/kernel/msg*");
    msgctl(id, IPC_RMID, NULL);
}

/* ---- waiting ---- */

static int shared;

static void *receives(void *arg)
{
    struct {
        long type;
        char text[16];
    } m;
    (void)arg;
    errno = 0;
    return (void *)(msgrcv(shared, &m, 16, 2, 0) < 0 ? (long)errno : m.type + 1000);
}

static void *sends(void *arg)
{
    static struct {
        long type;
        char text[8192];
    } m = {5, ""};
    (void)arg;
    errno = 0;
    return (void *)(long)(msgsnd(shared, &m, 8192, 0) ? errno : 0);
}

static void on_alarm(int sig)
{
    (void)sig;
}

static void waiting(void)
{
    pthread_t t[2];
    void *got;
    shared = new_queue();
    REQ(pthread_create(&t[0], NULL, receives, NULL) == 0);
    msleep(20);
    CHECK(put(shared, 1, "no") == 0 && put(shared, 2, "yes") == 0 && pthread_join(t[0], &got) == 0 && (long)got == 1002,
          "a receiver waits for its type");
    REQ(take(shared, 0, 0, 1, "no"));
    out.type = 1;
    REQ(msgsnd(shared, &out, 8192, 0) == 0 && msgsnd(shared, &out, 8192, 0) == 0);
    REQ(pthread_create(&t[0], NULL, sends, NULL) == 0);
    msleep(20);
    CHECK(ds_of(shared).msg_qnum == 2 && msgrcv(shared, &in, 8192, 1, 0) == 8192 && pthread_join(t[0], &got) == 0 &&
              !got && ds_of(shared).msg_qnum == 2,
          "a sender waits for room");
    pid_t pid = tap_fork();
    if (pid == 0) {
        struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
        struct itimerval every = {{0, 20000}, {0, 20000}};
        sigaction(SIGALRM, &sa, NULL);
        setitimer(ITIMER_REAL, &every, NULL);
        REQ(msgrcv(shared, &in, 10, 77, 0) < 0 && errno == EINTR);
        REQ(msgsnd(shared, &out, 8192, 0) < 0 && errno == EINTR);
        _exit(0);
    }
    CHECK(tap_wait(pid) == 0, "a signal ends both with EINTR, SA_RESTART or not");
    REQ(pthread_create(&t[0], NULL, receives, NULL) == 0 && pthread_create(&t[1], NULL, sends, NULL) == 0);
    msleep(50);
    REQ(msgctl(shared, IPC_RMID, NULL) == 0);
    long gone = 0;
    for (int i = 0; i < 2; i++) {
        pthread_join(t[i], &got);
        gone += (long)got == EIDRM || (long)got == EINVAL; /* it may not have come so far on a loaded machine */
    }
    CHECK(gone == 2, "IPC_RMID ends both");
}

/* A queue between two CPUs: all arrive, in order. */
static void *sends_many(void *arg)
{
    struct {
        long type;
        int n;
    } m = {1, 0};
    pin(1);
    for (m.n = 0; m.n < 3000; m.n++)
        REQ(msgsnd((int)(long)arg, &m, sizeof m.n, 0) == 0);
    return NULL;
}

static void together(void)
{
    pthread_t t;
    int id = new_queue(), bad = 0;
    struct {
        long type;
        int n;
    } m;
    pin(0);
    REQ(pthread_create(&t, NULL, sends_many, (void *)(long)id) == 0);
    for (int i = 0; i < 3000; i++)
        bad += msgrcv(id, &m, sizeof m.n, 0, 0) != sizeof m.n || m.n != i;
    pthread_join(t, NULL);
    CHECK(!bad && ds_of(id).msg_qnum == 0, "three thousand messages come in order, none lost");
    msgctl(id, IPC_RMID, NULL);
}

int main(void)
{
    getting();
    choosing();
    commands();
    waiting();
    together();
    return tap_end();
}
