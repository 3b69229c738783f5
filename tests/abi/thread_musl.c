// SPDX-License-Identifier: MIT
/*
 * The second libc: what musl does at its start and its own way of making threads, locks and processes.
 */
#include "tests/abi/util.h"

#include <pthread.h>
#include <semaphore.h>
#include <spawn.h>
#include <sys/auxv.h>
#include <sys/mman.h>

extern char **environ;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter, turns;
static __thread long local = 3;

static void *add(void *arg)
{
    pin((long)arg & 1);
    for (int i = 0; i < 5000; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
    }
    local += (long)arg;
    return (void *)local;
}

static void threads(void)
{
    pthread_t t[4];
    long sum = 0;
    for (long i = 0; i < 4; i++)
        REQ(pthread_create(&t[i], NULL, add, (void *)i) == 0);
    for (int i = 0; i < 4; i++) {
        void *ret;
        REQ(pthread_join(t[i], &ret) == 0);
        sum += (long)ret;
    }
    CHECK(counter == 20000, "threads and a mutex");
    CHECK(sum == 4 * 3 + 6 && local == 3, "thread-local variables");
}

static void *turn(void *arg)
{
    long me = (long)arg;
    for (int i = 0; i < 300; i++) {
        pthread_mutex_lock(&mutex);
        while (turns % 2 != me)
            pthread_cond_wait(&cond, &mutex);
        turns++;
        pthread_cond_broadcast(&cond);
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static void conditions(void)
{
    pthread_t t[2];
    for (long i = 0; i < 2; i++)
        REQ(pthread_create(&t[i], NULL, turn, (void *)i) == 0);
    pthread_join(t[0], NULL);
    pthread_join(t[1], NULL);
    CHECK(turns == 600, "condition variables");
}

static void *cancelled(void *arg)
{
    sem_post(arg);
    for (;;)
        pause();
    return NULL;
}

static void cancelling(void)
{
    pthread_t t;
    sem_t s;
    void *ret;
    sem_init(&s, 0, 0);
    REQ(pthread_create(&t, NULL, cancelled, &s) == 0);
    sem_wait(&s);
    CHECK(pthread_cancel(t) == 0 && pthread_join(t, &ret) == 0 && ret == PTHREAD_CANCELED, "cancelling");
}

static void processes(void)
{
    pid_t pid;
    char *argv[] = {"x", "9", NULL};
    CHECK(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ) == 0 && tap_exited(tap_wait(pid), 9),
          "posix_spawn");
    CHECK(posix_spawn(&pid, "absent", NULL, NULL, argv, environ) == ENOENT, "posix_spawn of an absent program");
    CHECK_CHILD("fork", REQ(local == 3));
    CHECK_CHILD("setuid in all threads", {
        pthread_t t;
        pthread_create(&t, NULL, add, NULL);
        drop_root();
        pthread_join(t, NULL);
        REQ(getuid() == NOBODY);
    });
}

static void memory(void)
{
    char *p[200];
    int good = 1;
    for (int i = 0; i < 200; i++) {
        p[i] = malloc(i * 997 + 1);
        good &= p[i] != NULL;
        memset(p[i], i, i * 997 + 1);
    }
    for (int i = 0; i < 200; i += 2)
        free(p[i]);
    for (int i = 1; i < 200; i += 2) {
        p[i] = realloc(p[i], i * 2003 + 1);
        good &= p[i] && p[i][0] == (char)i && p[i][i * 997] == (char)i;
        free(p[i]);
    }
    CHECK(good, "malloc, realloc and free");
    char *big = malloc(3 << 20);
    big[(3 << 20) - 1] = 1;
    free(big);
    CHECK(big != NULL, "a large block");
}

static volatile sig_atomic_t got;

static void on_signal(int sig)
{
    got = sig;
}

static void signals(void)
{
    struct sigaction sa = {.sa_handler = on_signal};
    sigaction(SIGUSR1, &sa, NULL);
    CHECK(raise(SIGUSR1) == 0 && got == SIGUSR1, "raise and a handler");
    CHECK(tap_killed(CHILD(abort()), SIGABRT), "abort");
    CHECK(getauxval(AT_PAGESZ) == 4096, "getauxval");
    struct timespec a, b;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &a) == 0 && syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &b) == 0 &&
              (b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec)),
          "clock_gettime and the call agree");
}

int main(int argc, char **argv)
{
    if (argc == 2)
        return atoi(argv[1]);
    REQ(chmod(".", 0755) == 0);
    threads();
    conditions();
    cancelling();
    processes();
    memory();
    signals();
    return tap_end();
}
