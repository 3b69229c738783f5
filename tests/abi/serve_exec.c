// SPDX-License-Identifier: MIT
/*
 * The root served in place: running programs from the archive, before and after they were changed.
 */
#include "tests/abi/serve.h"

static int run(const char *path)
{
    char *argv[] = {"x", NULL}, *envp[] = {NULL};
    return CHILD({
        execve(path, argv, envp);
        _exit(100 + errno);
    });
}

static pid_t start(const char *path)
{
    char *argv[] = {"x", NULL}, *envp[] = {NULL};
    int p[2];
    make_pipe(p);
    pid_t pid = tap_fork();
    if (pid == 0) {
        execve(path, argv, envp);
        _exit(1);
    }
    close(p[1]);
    char c;
    REQ(read(p[0], &c, 1) == 0); /* exec closed the other end */
    close(p[0]);
    return pid;
}

static void running(void)
{
    CHECK(tap_exited(run("seven"), 7), "a program with a tail page runs");
    CHECK(tap_exited(run("small"), 7), "a program of one page runs");
    CHECK(tap_exited(run("seven"), 7), "and runs again");
    CHECK(tap_exited(run("text"), 100 + ENOEXEC), "a text is no program");
    REQ(chmod("small", 0644) == 0);
    CHECK(tap_exited(run("small"), 100 + EACCES), "without x bits it does not run");
    CHECK(chmod("small", 0755) == 0 && tap_exited(run("small"), 7), "with them again it does");
}

static void changed(void)
{
    int fd = open("changed", O_RDWR);
    CHECK(tap_exited(run("changed"), 100 + ETXTBSY), "a program open for writing does not run");
    CHECK(pwrite(fd, "\x09", 1, 0x7e) == 1, "its exit code is patched");
    close(fd);
    CHECK(tap_exited(run("changed"), 9), "the changed program runs changed");
    fd = open("changed", O_RDONLY);
    CHECK(tap_exited(run("changed"), 9) && file_text(fd, 0x90, 9000 - 0x90, "progrm"), "the rest of it is as it was");
    close(fd);
    REQ(truncate("changed", 100) == 0);
    CHECK(WIFSIGNALED(run("changed")) || WIFEXITED(run("changed")), "cut short it does not harm");
    copy_file("seven", "copied");
    CHECK(tap_exited(run("copied"), 7), "a copy runs");
    CHECK(rename("copied", "changed") == 0 && tap_exited(run("changed"), 7), "and in the place of the old one");
}

static void busy(void)
{
    pid_t pid = start("./sleeper");
    CHECK_ERRNO(open("sleeper", O_WRONLY), ETXTBSY, "writing to a program that runs");
    CHECK_ERRNO(open("sleeper", O_RDONLY | O_TRUNC), ETXTBSY, "emptying it by open");
    CHECK_ERRNO(truncate("sleeper", 0), ETXTBSY, "truncating it");
    put_text("other", "other");
    CHECK(rename("other", "sleeper") == 0 && waitpid(pid, NULL, WNOHANG) == 0, "rename over it goes, and it runs on");
    kill(pid, SIGKILL);
    CHECK(tap_killed(tap_wait(pid), SIGKILL), "until killed");
    CHECK(file_is("sleeper", "other"), "the new file has its place");
    pid = start("./unlinked");
    CHECK(unlink("unlinked") == 0, "removing a program that runs");
    churn_memory();
    CHECK(waitpid(pid, NULL, WNOHANG) == 0, "it runs on");
    kill(pid, SIGKILL);
    CHECK(tap_killed(tap_wait(pid), SIGKILL), "until killed too");
    int fd = open("small", O_RDWR);
    CHECK(fd >= 0, "a program that no longer runs can be written");
    close(fd);
}

int main(void)
{
    umask(022);
    serve_enter("exec");
    running();
    changed();
    busy();
    return tap_end();
}
