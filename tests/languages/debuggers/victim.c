// SPDX-License-Identifier: MIT
/* What the debuggers look at: functions three deep, a variable that changes, threads, children, a crash, a wait. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct pair {
    int left, right;
};

static volatile int counter;
static pthread_barrier_t barrier;

__attribute__((noinline)) static int third(struct pair *p)
{
    p->left += 1;
    return p->left * p->right;
}

__attribute__((noinline)) static int second(int n)
{
    struct pair p = {n, 3};
    int product = third(&p);
    return product + 1;
}

__attribute__((noinline)) static int first(int n)
{
    int got = second(n + 1);
    counter += 10;
    counter += 5;
    return got;
}

__attribute__((noinline)) static void meet(void)
{
    printf("met\n");
}

static void *worker(void *arg)
{
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return arg;
}

static int threads(void)
{
    pthread_t t[3];
    pthread_barrier_init(&barrier, NULL, 4);
    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, worker, NULL);
    pthread_barrier_wait(&barrier);
    meet();
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    return 0;
}

__attribute__((noinline)) static void in_child(void)
{
    printf("child\n");
    fflush(stdout);
    execl("/bin/true", "true", NULL);
}

static int children(void)
{
    int st = 0;
    pid_t pid = fork();
    if (pid == 0) {
        in_child();
        _exit(1);
    }
    waitpid(pid, &st, 0);
    printf("its end: %d\n", st);
    return 0;
}

__attribute__((noinline)) static int crash(volatile int *p)
{
    return *p = 1;
}

static void on_signal(int sig)
{
    (void)sig;
}

__attribute__((noinline)) static int idle(void)
{
    signal(SIGUSR1, on_signal);
    while (!counter)
        pause();
    return counter;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "calls";
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!strcmp(what, "threads"))
        return threads();
    if (!strcmp(what, "children"))
        return children();
    if (!strcmp(what, "crash"))
        return crash((volatile int *)(void *)argv[argc]);
    if (!strcmp(what, "idle"))
        return idle();
    printf("first: %d\n", first(4));
    return 0;
}
