// SPDX-License-Identifier: MIT
/*
 * Whose children those of a thread are: PR_SET_PDEATHSIG tells that the thread which made one has ended, and another
 * thread has it then; an execve takes them along.
 */
#include "tests/abi/util.h"

#include <linux/wait.h>

static int to_main[2], go[2], end[2]; /* pipes for tokens */

/* What the child of a thread does: waits for the signal that says that the thread has ended. */
static void wait_for_death(void)
{
    sigset_t set;
    const struct timespec most = {20, 0};
    pid_t parent = getppid();
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    REQ(sigprocmask(SIG_BLOCK, &set, NULL) == 0 && prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0);
    token_send(to_main[1]);
    REQ(sigtimedwait(&set, NULL, &most) == SIGUSR1 && getppid() == parent);
}

static void *makes_child(void *out)
{
    pid_t pid = tap_fork();
    if (pid == 0) {
        wait_for_death();
        _exit(0);
    }
    *(pid_t *)out = pid;
    token_send(to_main[1]);
    token_wait(go[0]);
    return NULL;
}

static void told(void)
{
    pthread_t t;
    pid_t theirs, mine = tap_fork();
    sigset_t pending;
    if (mine == 0) { /* of the main thread: not told */
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        sigprocmask(SIG_BLOCK, &set, NULL);
        REQ(prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0);
        token_send(to_main[1]);
        token_wait(end[0]);
        REQ(sigpending(&pending) == 0 && !sigismember(&pending, SIGUSR1));
        _exit(0);
    }
    token_wait(to_main[0]);
    REQ(pthread_create(&t, NULL, makes_child, &theirs) == 0);
    token_wait(to_main[0]); /* from both */
    token_wait(to_main[0]);
    GIVES(waitpid(theirs, NULL, __WNOTHREAD | WNOHANG), ECHILD, "a thread's child is not the main thread's");
    token_send(go[1]);
    REQ(pthread_join(t, NULL) == 0);
    CHECK(tap_wait(theirs) == 0, "the end of the thread that made it is told by PR_SET_PDEATHSIG");
    token_send(end[1]);
    CHECK(tap_wait(mine) == 0, "but not to the child of another");
}

static void *executes(void *arg)
{
    pid_t pid = fork();
    (void)arg;
    if (pid == 0)
        _exit(5);
    execl("/proc/self/exe", "thread_children", "executed", NULL);
    return "execl failed";
}

static int after_exec(void)
{
    int status;
    return waitpid(-1, &status, __WNOTHREAD) > 0 && tap_exited(status, 5) ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "executed"))
        return after_exec();
    make_pipe(to_main);
    make_pipe(go);
    make_pipe(end);
    told();
    CHECK_CHILD("a thread that executes a program keeps its children", {
        pthread_t t;
        REQ(pthread_create(&t, NULL, executes, NULL) == 0);
        pthread_join(t, NULL);
        _exit(1);
    });
    return tap_end();
}
