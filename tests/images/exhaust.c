// SPDX-License-Identifier: MIT
/*
 * Uses things up, as PID 1 of 82-exhaustion.sh, and says what became of it: memory, process numbers, a file system, threads;
 * or makes and ends one kind of thing many times, and says what is left in use. Every answer is a line that begins with
 * `ok` or `bad`; the machine must live to give it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define KIB 1024L

static void say(int good, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(int good, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    printf("%s ", good ? "ok" : "bad");
    vprintf(fmt, ap);
    printf("\n");
    va_end(ap);
}

/* ---- memory in use ---- */

static long meminfo(const char *name)
{
    static char text[4096];
    int fd = open("/proc/meminfo", O_RDONLY);
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    const char *at = strstr(text, name);
    return at ? atol(at + strlen(name) + 1) : -1;
}

/* KiB not free, once what ends a little later has ended: the least of what is seen until it has not fallen for a while. */
static long used(void)
{
    long least = 1L << 60;
    for (int still = 0; still < 20; still++) {
        long now = meminfo("MemTotal") - meminfo("MemFree");
        if (now < least) {
            least = now;
            still = 0;
        }
        usleep(20000);
    }
    return least;
}

static void say_back(long before, long slack, const char *what)
{
    long left = used() - before;
    if (left > slack)
        say(0, "%s: %ld KiB more in use than before", what, left);
    else
        say(1, "%s: the memory is back", what);
}

/* ---- one thing after the other ---- */

static void *nothing(void *arg)
{
    return arg;
}

static int once_fork(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(7);
    return pid > 0 && waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7;
}

static int once_exec(void)
{
    int status;
    pid_t pid = vfork();
    if (pid == 0) {
        execl("/proc/self/exe", "exhaust", "nothing", NULL);
        _exit(1);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static int once_thread(void)
{
    pthread_t t;
    return pthread_create(&t, NULL, nothing, NULL) == 0 && pthread_join(t, NULL) == 0;
}

static int once_map(void)
{
    char *m = mmap(NULL, 64 * KIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (m == MAP_FAILED)
        return 0;
    m[0] = m[20 * KIB] = 1;
    return mprotect(m + 16 * KIB, 16 * KIB, PROT_READ) == 0 && munmap(m, 64 * KIB) == 0;
}

static int once_pipe(void)
{
    int p[2];
    char c = 0;
    int good =
        pipe(p) == 0 && write(p[1], "p", 1) == 1 && read(p[0], &c, 1) == 1 && c == 'p' && write(p[1], "q", 1) == 1;
    close(p[0]);
    close(p[1]);
    return good;
}

static int once_socket(void)
{
    int s[2];
    int good = socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && write(s[0], "s", 1) == 1;
    close(s[0]);
    close(s[1]);
    return good;
}

static int once_file(void)
{
    int fd = open("/tmp/file", O_CREAT | O_RDWR, 0600);
    int good = fd >= 0 && write(fd, "f", 1) == 1 && rename("/tmp/file", "/tmp/other") == 0 && unlink("/tmp/other") == 0;
    close(fd);
    return good;
}

static const struct {
    const char *name;
    int (*once)(void);
} kinds[] = {{"fork", once_fork}, {"exec", once_exec},     {"thread", once_thread}, {"map", once_map},
             {"pipe", once_pipe}, {"socket", once_socket}, {"file", once_file}};

/* Stays: caches that fill. So much of them is allowed, whatever the count. */
#define SLACK_KIB 512

static void repeat(const char *name, int (*once)(void), long n)
{
    long bad = 0;
    for (long i = 0; i < 2000; i++) /* what is kept for the next time is there now */
        bad += !once();
    long before = used();
    for (long i = 0; i < n; i++)
        bad += !once();
    long left = used() - before;
    say(!bad && left <= SLACK_KIB, "%ld of %s: at most %d KiB stay", n, name, SLACK_KIB);
    printf("# %s: %ld failed, %ld KiB stay, %.2f bytes each\n", name, bad, left, (double)left * KIB / (double)n);
}

static void leaks(const char *names, long n)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strstr(names, kinds[i].name))
            repeat(kinds[i].name, kinds[i].once, n);
}

/* ---- memory ---- */

static void eat(void)
{
    for (;;) {
        char *m = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (m != MAP_FAILED)
            memset(m, 1, 1 << 20);
    }
}

static pid_t sleeper(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        char *m = malloc(2 << 20);
        memset(m, 1, 2 << 20);
        for (;;)
            pause();
    }
    return pid;
}

static int lives(pid_t pid)
{
    return waitpid(pid, NULL, WNOHANG) == 0;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void memory(void)
{
    long before = used();
    for (int i = 0; i < 3; i++) {
        int status = 0;
        pid_t small[3] = {sleeper(), sleeper(), sleeper()}, hog = fork();
        if (hog == 0)
            eat();
        waitpid(hog, &status, 0);
        say(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "who takes all memory is killed");
        say(lives(small[0]) && lives(small[1]) && lives(small[2]), "who does not lives");
        for (int j = 0; j < 3; j++)
            end(small[j]);
    }
    say_back(before, 2048, "out of memory");
}

/* ---- memory of a victim that does not let go ---- */

static int write_adjust(const char *value)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY);
    int good = write(fd, value, strlen(value)) > 0;
    close(fd);
    return good;
}

static int first_choice(void *ready)
{
    *(volatile int *)ready = write_adjust("1000") ? 1 : -1;
    for (;;)
        pause();
    return 0;
}

/* Another process has the same memory, and is the first to be killed. */
static void shared_memory(void)
{
    static char stack[65536];
    static volatile int ready;
    int status = 0;
    pid_t other = 0, hog = fork();
    if (hog == 0) {
        clone(first_choice, stack + sizeof(stack), CLONE_VM | CLONE_PARENT | SIGCHLD, (void *)&ready);
        while (!ready)
            usleep(1000);
        eat();
    }
    waitpid(hog, &status, 0);
    say(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "who takes all memory with another is killed");
    other = waitpid(-1, &status, 0);
    say(other > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL, "and so is the other");
}

#define HELD (1L << 30)

/* The largest process waits for the file's position while somebody who reads with it runs out of memory. */
static void held_position(void)
{
    int status[2] = {0}, go[2], fd = open("/tmp/sparse", O_CREAT | O_RDWR | O_TRUNC, 0600);
    char *m = mmap(NULL, HELD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    volatile char *seen = mmap(m, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    size_t large = (size_t)meminfo("MemFree") * KIB * 6 / 10;
    pid_t reader, waiter;
    *seen = 1;
    say(fd >= 0 && ftruncate(fd, HELD) == 0 && pipe(go) == 0, "a large file");
    if ((waiter = fork()) == 0) {
        memset(m + HELD - large, 1, large);
        (void)!write(go[1], "g", 1);
        while (*seen)
            ;
        (void)!read(fd, m + 8192, 1);
        eat();
    }
    if ((reader = fork()) == 0) {
        (void)!read(go[0], m + 4096, 1);
        (void)!read(fd, m, HELD);
        eat();
    }
    waitpid(waiter, &status[0], 0);
    waitpid(reader, &status[1], 0);
    say(WIFSIGNALED(status[0]) && WIFSIGNALED(status[1]), "a victim that waits for who reads ends, and the reader too");
    munmap(m, HELD);
    close(go[0]);
    close(go[1]);
    close(fd);
    unlink("/tmp/sparse");
}

static void stubborn(void)
{
    long before = used();
    shared_memory();
    held_position();
    say_back(before, 2048, "stubborn victims");
}

/* ---- process numbers ---- */

static int set(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY);
    ssize_t n = fd < 0 ? -1 : write(fd, value, strlen(value));
    close(fd);
    return n == (ssize_t)strlen(value);
}

#define MANY 2000

static void numbers(void)
{
    static pid_t pids[MANY];
    int n = 0, status;
    pthread_t t;
    say(set("/proc/sys/kernel/pid_max", "500\n"), "pid_max is lowered");
    say(!set("/proc/sys/kernel/pid_max", "300\n") && errno == EINVAL, "but not below what is reserved");
    long before = used();
    for (int i = 0; i < 3; i++) {
        for (n = 0; n < MANY && (pids[n] = fork()) > 0; n++)
            ;
        int e = errno;
        if (n < MANY && pids[n] == 0)
            for (;;)
                pause();
        say(n > 150 && n < 500 && e == EAGAIN, "no process beyond pid_max: EAGAIN");
        say(pthread_create(&t, NULL, nothing, NULL) == EAGAIN, "nor a thread");
        int high = 0;
        for (int j = 0; j < n; j++)
            high += pids[j] >= 500;
        say(!high, "no number reaches it");
        for (int j = 0; j < n; j++)
            kill(pids[j], SIGKILL);
        for (int j = 0; j < n; j++)
            waitpid(pids[j], &status, 0);
        say(once_fork() && once_thread(), "afterwards there are numbers");
    }
    say_back(before, 1024, "out of process numbers");
    say(set("/proc/sys/kernel/pid_max", "32768\n"), "pid_max is raised");
}

static void files(void)
{
    static int fds[4096];
    int n = 0;
    say(set("/proc/sys/fs/file-max", "600\n"), "file-max is lowered");
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        if (setuid(1000))
            _exit(9);
        while (n < 4096 && (fds[n] = open("/dev/null", O_RDONLY)) >= 0)
            n++;
        _exit(n > 100 && n < 600 && errno == ENFILE && pipe(fds) == -1 && errno == ENFILE ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    say(status == 0, "no file beyond file-max: ENFILE");
    for (n = 0; n < 1000 && (fds[n] = open("/dev/null", O_RDONLY)) >= 0; n++)
        ;
    say(n == 1000, "root goes beyond");
    while (n-- > 0)
        close(fds[n]);
    say(set("/proc/sys/fs/file-max", "1000000\n"), "file-max is raised");
}

/* ---- a fork bomb ---- */

static void bomb(void)
{
    long before = used();
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        for (;;)
            fork();
    }
    setpgid(pid, pid);
    sleep(4);
    long rounds = 0;
    while (kill(-pid, SIGKILL) == 0) {
        rounds++;
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
    }
    say(errno == ESRCH && rounds > 0, "a fork bomb is killed by its group");
    while (waitpid(-1, NULL, 0) > 0)
        ;
    say(errno == ECHILD, "and reaped");
    say(once_fork() && once_exec() && once_thread(), "the machine goes on");
    say_back(before, 4096, "the bomb");
}

/* ---- a full file system ---- */

static void fill(const char *path, int full, const char *what)
{
    static char block[65536];
    long before = used(), written = 0;
    ssize_t n;
    int fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0600);
    memset(block, 'b', sizeof(block));
    while ((n = write(fd, block, sizeof(block))) > 0)
        written += n;
    int e = errno;
    say(n == -1 && e == full && written > 1 << 20, "%s: full is an error, and the right one", what);
    printf("# %s: %ld KiB, %s\n", what, written / KIB, strerror(e));
    say(pread(fd, block, sizeof(block), written - 4096) == 4096 && block[4095] == 'b', "%s: what was written is there",
        what);
    int more = 0; /* a page that somebody else gave back may be taken still */
    while ((n = write(fd, block, sizeof(block))) > 0 && more < 16)
        more++;
    say(n == -1 && errno == full, "%s: it stays full", what);
    close(fd);
    unlink(path);
    say_back(before, 2048, what);
    fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0600);
    say(write(fd, block, sizeof(block)) == sizeof(block), "%s: there is room again", what);
    close(fd);
    unlink(path);
}

static void disk(void)
{
    fill("/dev/shm/full", ENOSPC, "/dev/shm");
    fill("/full", ENOMEM, "the root, which has no limit but memory");
}

/* ---- threads ---- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opens = PTHREAD_COND_INITIALIZER;
static int arrived, open_now;

static void *waits(void *arg)
{
    pthread_mutex_lock(&gate);
    arrived++;
    while (!open_now)
        pthread_cond_wait(&opens, &gate);
    arrived--;
    pthread_mutex_unlock(&gate);
    return arg;
}

static void make_threads(long n)
{
    pthread_t *t = calloc((size_t)n, sizeof(*t));
    pthread_attr_t small;
    long made = 0, joined = 0, before = used();
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 16384);
    while (made < n && pthread_create(&t[made], &small, waits, NULL) == 0)
        made++;
    while (__atomic_load_n(&arrived, __ATOMIC_RELAXED) < made)
        usleep(10000);
    printf("# %ld KiB a thread\n", (meminfo("MemTotal") - meminfo("MemFree") - before) / (made ? made : 1));
    say(made == n, "%ld threads live at once", n);
    pthread_mutex_lock(&gate);
    open_now = 1;
    pthread_cond_broadcast(&opens);
    pthread_mutex_unlock(&gate);
    for (long i = 0; i < made; i++)
        joined += pthread_join(t[i], NULL) == 0;
    say(joined == n && arrived == 0, "and end");
}

/* In a process of their own, because the C library keeps stacks. */
static void threads(long n)
{
    int status = 0;
    long before = used();
    pid_t pid = fork();
    if (pid == 0) {
        make_threads(n);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    say(status == 0, "their process ends");
    say_back(before, 4096, "threads");
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(what, "nothing") == 0)
        return 0;
    if (strcmp(what, "leaks") == 0 && argc > 3)
        leaks(argv[2], atol(argv[3]));
    else if (strcmp(what, "memory") == 0)
        memory();
    else if (strcmp(what, "stubborn") == 0)
        stubborn();
    else if (strcmp(what, "numbers") == 0)
        numbers();
    else if (strcmp(what, "files") == 0)
        files();
    else if (strcmp(what, "bomb") == 0)
        bomb();
    else if (strcmp(what, "disk") == 0)
        disk();
    else if (strcmp(what, "threads") == 0 && argc > 2)
        threads(atol(argv[2]));
    printf("the end\n");
    return 0;
}
