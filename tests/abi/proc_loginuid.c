// SPDX-License-Identifier: MIT
/* /proc/PID/loginuid and sessionid: who logged in, as PAM sets it and children inherit it. */
#define TAP_KEEP_CAPABILITIES
#include "tests/abi/machine.h"

#include <sys/prctl.h>

static long number(const char *path)
{
    char *end;
    if (slurp(path) <= 0)
        return -1;
    long n = strtol(text, &end, 10);
    return *end ? -2 : n;
}

static long login(void)
{
    return number("/proc/self/loginuid");
}

/* The errno of writing this; 0. */
static int set(const char *path, const char *what)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;
    if (fd < 0)
        return errno;
    if (write(fd, what, strlen(what)) != (ssize_t)strlen(what))
        err = errno;
    close(fd);
    return err;
}

int main(void)
{
    char path[64];
    const long unset = 0xffffffffL;
    CHECK(login() >= 0 && number("/proc/self/sessionid") >= 0, "both are numbers, without a newline");
    CHECK_CHILD("a login makes a session, and children are in it", {
        REQ(set("/proc/self/loginuid", "1234") == 0 && login() == 1234);
        long session = number("/proc/self/sessionid");
        REQ(session > 0 && session < unset);
        pid_t pid = tap_fork();
        if (pid == 0)
            _exit(login() == 1234 && number("/proc/self/sessionid") == session ? 0 : 1);
        REQ(tap_wait(pid) == 0);
        REQ(set("/proc/self/loginuid", "77\n") == 0 && login() == 77);
        REQ(number("/proc/self/sessionid") > session);
    });
    CHECK_CHILD("it can be unset", {
        REQ(set("/proc/self/loginuid", "5") == 0 && set("/proc/self/loginuid", "4294967295") == 0);
        REQ(login() == unset && number("/proc/self/sessionid") == unset);
    });
    CHECK_CHILD("a user sets it once", {
        REQ(set("/proc/self/loginuid", "4294967295") == 0);
        drop_root();
        REQ(set("/proc/self/loginuid", "9") == EACCES); /* the file is root's */
    });
    CHECK_CHILD("without CAP_AUDIT_CONTROL only while it is unset", {
        REQ(set("/proc/self/loginuid", "4294967295") == 0);
        int fd = open("/proc/self/loginuid", O_WRONLY);
        int again = open("/proc/self/loginuid", O_WRONLY);
        REQ(fd >= 0 && again >= 0);
        drop_root();
        REQ(write(fd, "9", 1) == 1 && login() == 9);
        REQ(write(again, "10", 2) == -1 && errno == EPERM && login() == 9);
    });
    CHECK(set("/proc/self/loginuid", "x") == EINVAL && set("/proc/self/loginuid", "12x") == EINVAL, "no number");
    CHECK(set("/proc/self/loginuid", "4294967296") == ERANGE, "too great a number");
    pid_t pid = child_pause();
    snprintf(path, sizeof path, "/proc/%d/loginuid", pid);
    CHECK(set(path, "3") == EPERM, "another's is not to be set");
    CHECK(number(path) == login(), "but to be read");
    kill(pid, SIGKILL);
    tap_wait(pid);
    return tap_end();
}
