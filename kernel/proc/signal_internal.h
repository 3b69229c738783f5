/* SPDX-License-Identifier: MIT */
/* What signal.c, signal_deliver.c and posix_timer.c share. */
#ifndef PROC_SIGNAL_INTERNAL_H
#define PROC_SIGNAL_INTERNAL_H

#include "proc/process.h"

struct sigqueue {
    struct list link;
    struct ksiginfo info;
    struct user *user; /* whose RLIMIT_SIGPENDING it counts against; NULL: nobody's */
    void *timer;       /* a POSIX timer's own entry: not freed when taken */
};
#define STOP_TELL_CONTINUED 4u /* in process.stop_state: the parent has yet to hear CLD_CONTINUED */

void sigqueue_free(struct sigqueue *q);
struct sigqueue *sigqueue_alloc_for_timer(void *timer); /* process context; NULL: no memory, or the user has too many */
/* Queues a timer's own entry; false: ignored, or nobody is left (siglock held). */
bool signal_queue_timer(struct process *p, struct thread *t, struct sigqueue *q);
void signal_wake_thread(struct thread *t, bool fatal); /* siglock held */
/* t NULL: to the process. force: from outside the container, or the thread's own fault. siglock held. */
int signal_send_locked(struct process *p, struct thread *t, int sig, const struct ksiginfo *info, bool force);
void signal_flush_set(struct process *p, sigset64_t set); /* siglock held */
/* Another process's action; its sighand may be replaced by execve at any time but under siglock. */
void signal_action_of(struct process *p, int sig, struct sigaction *out);
/* The parent hears of a stop or a continuation (wait.c). No lock held. */
void process_notify_stopped(struct process *p, int code, int status);
/* posix_timer.c: a timer's signal was taken (siglock held): fills the overrun, rearms */
void posix_timer_taken(struct sigqueue *q, struct ksiginfo *info);

#endif
