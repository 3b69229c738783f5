// SPDX-License-Identifier: MIT
/*
 * Descriptors of processes: pidfd_open, CLONE_PIDFD, pidfd_send_signal, poll, waitid.
 */
#include "tests/abi/util.h"

#include <linux/sched.h>

static int pidfd_open_(pid_t pid, unsigned flags)
{
    return syscall(SYS_pidfd_open, pid, flags);
}

static int send_signal(int fd, int sig, siginfo_t *si, unsigned flags)
{
    return syscall(SYS_pidfd_send_signal, fd, sig, si, flags);
}

static int readable(int fd, int ms)
{
    struct pollfd p = {fd, POLLIN, 0};
    return poll(&p, 1, ms) == 1 && (p.revents & POLLIN);
}

static void opening(void)
{
    int fd = pidfd_open_(getpid(), 0);
    CHECK(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC, "pidfd_open; close-on-exec is set");
    close(fd);
    CHECK_ERRNO(pidfd_open_(0x7ffffff, 0), ESRCH, "pidfd_open of nobody");
    CHECK_ERRNO(pidfd_open_(0, 0), EINVAL, "pidfd_open of 0");
    CHECK_ERRNO(pidfd_open_(-1, 0), EINVAL, "pidfd_open of a negative number");
    CHECK_ERRNO(pidfd_open_(getpid(), 0x12340000), EINVAL, "pidfd_open with an unknown flag");
}

static void life(void)
{
    pid_t pid = child_pause();
    int fd = pidfd_open_(pid, 0);
    siginfo_t si;
    CHECK(!readable(fd, 0), "while the process lives its pidfd is not readable");
    CHECK(send_signal(fd, 0, NULL, 0) == 0, "signal 0 asks");
    CHECK(send_signal(fd, SIGTERM, NULL, 0) == 0 && readable(fd, 10000), "a signal through it; then it is readable");
    CHECK(waitid(P_PIDFD, fd, &si, WEXITED | WNOWAIT) == 0 && si.si_pid == pid && si.si_status == SIGTERM,
          "waitid by it");
    CHECK(waitid(P_PIDFD, fd, &si, WEXITED) == 0 && si.si_code == CLD_KILLED, "and for good");
    CHECK_ERRNO(send_signal(fd, SIGTERM, NULL, 0), ESRCH, "then there is nobody to signal");
    CHECK_ERRNO(waitid(P_PIDFD, fd, &si, WEXITED), ECHILD, "nor to wait for");
    CHECK(readable(fd, 0), "it stays readable");
    close(fd);
}

static void errors(void)
{
    int file = open("/dev/null", O_RDONLY), fd = pidfd_open_(getpid(), 0);
    siginfo_t si = {.si_signo = SIGUSR1, .si_code = SI_USER};
    char c;
    CHECK_ERRNO(send_signal(file, SIGTERM, NULL, 0), EBADF, "a descriptor of something else");
    CHECK_ERRNO(send_signal(-1, SIGTERM, NULL, 0), EBADF, "no descriptor");
    CHECK_ERRNO(send_signal(fd, 65, NULL, 0), EINVAL, "signal 65");
    CHECK_ERRNO(send_signal(fd, SIGTERM, NULL, 0x80000000), EINVAL, "an unknown flag");
    CHECK_ERRNO(send_signal(fd, SIGUSR2, &si, 0), EINVAL, "a siginfo of another signal");
    CHECK_ERRNO(waitid(P_PIDFD, file, &si, WEXITED), EBADF, "waitid of something else");
    CHECK_ERRNO(read(fd, &c, 1), EINVAL, "a pidfd cannot be read");
    CHECK_CHILD("another user's process", {
        int parent = pidfd_open_(getppid(), 0);
        drop_root();
        REQ(send_signal(parent, SIGTERM, NULL, 0) == -1 && errno == EPERM);
    });
    close(file);
    close(fd);
}

static void from_clone(void)
{
    int fd = -1;
    struct clone_args a = {.flags = CLONE_PIDFD, .pidfd = (long)&fd, .exit_signal = SIGCHLD};
    long pid = syscall(SYS_clone3, &a, sizeof a);
    if (pid == 0)
        _exit(5);
    siginfo_t si;
    CHECK(pid > 0 && fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC, "CLONE_PIDFD stores one");
    CHECK(readable(fd, 10000) && waitid(P_PIDFD, fd, &si, WEXITED) == 0 && si.si_status == 5 && si.si_pid == pid,
          "of the child just made");
    close(fd);
}

/* The older way: the folder of a process in /proc stands for it. */
static void folder(void)
{
    char path[64];
    pid_t pid = child_pause();
    snprintf(path, sizeof path, "/proc/%d", pid);
    int fd = open(path, O_RDONLY | O_DIRECTORY), status;
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    int task = open(path, O_RDONLY | O_DIRECTORY), proc = open("/proc", O_RDONLY | O_DIRECTORY);
    snprintf(path, sizeof path, "/proc/%d", pid);
    int place = open(path, O_PATH | O_DIRECTORY), self = open("/proc/thread-self", O_RDONLY | O_DIRECTORY);
    REQ(fd >= 0 && task >= 0 && proc >= 0 && place >= 0 && self >= 0);
    CHECK(send_signal(fd, 0, NULL, 0) == 0, "/proc/PID stands for the process");
    CHECK_ERRNO(send_signal(task, 0, NULL, 0), EBADF, "/proc/PID/task does not");
    CHECK_ERRNO(send_signal(self, 0, NULL, 0), EBADF, "nor does the folder of a thread");
    CHECK_ERRNO(send_signal(proc, 0, NULL, 0), EBADF, "nor /proc");
    CHECK_ERRNO(send_signal(place, 0, NULL, 0), EBADF, "nor a descriptor that is only a place");
    CHECK_ERRNO(waitid(P_PIDFD, fd, &(siginfo_t){0}, WEXITED), EBADF, "waitid does not take it");
    CHECK_ERRNO(syscall(SYS_pidfd_getfd, fd, 0, 0), EBADF, "nor does pidfd_getfd");
    CHECK(send_signal(fd, SIGTERM, NULL, 0) == 0 && waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGTERM,
          "a signal through it");
    CHECK_ERRNO(send_signal(fd, 0, NULL, 0), ESRCH, "then there is nobody");
    close(fd), close(task), close(proc), close(place), close(self);
}

static void nonblocking(void)
{
    pid_t pid = child_pause();
    int fd = pidfd_open_(pid, O_NONBLOCK);
    siginfo_t si;
    CHECK_ERRNO(waitid(P_PIDFD, fd, &si, WEXITED), EAGAIN, "waitid by a non-blocking one while the process lives");
    kill(pid, SIGKILL);
    CHECK(readable(fd, 10000) && waitid(P_PIDFD, fd, &si, WEXITED) == 0, "after its death it succeeds");
    close(fd);
}

int main(void)
{
    if (pidfd_open_(getpid(), 0) < 0 && errno == ENOSYS) {
        SKIP("pidfd_open; close-on-exec is set", "no pidfd_open");
        return tap_end();
    }
    opening();
    life();
    errors();
    from_clone();
    nonblocking();
    folder();
    return tap_end();
}
