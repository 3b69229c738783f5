// SPDX-License-Identifier: MIT
/*
 * Scripts: what the kernel makes of a first line with #!. The interpreter is a copy of this program, which tells
 * its arguments: it exits with 0 when they are those named in the environment variable WANT, joined by '|'.
 */
#include "tests/abi/util.h"

static void script(const char *name, const char *text)
{
    put_text(name, text);
    REQ(chmod(name, 0755) == 0);
}

/* Runs the script with these arguments; true when the interpreter got `want`. */
static int gives(const char *path, const char *arg1, const char *arg2, const char *want)
{
    char env[5000], *argv[] = {"zeroth", (char *)arg1, (char *)arg2, NULL}, *envp[] = {env, NULL};
    snprintf(env, sizeof env, "WANT=%s", want);
    return CHILD({
               execve(path, argv, envp);
               _exit(100);
           }) == 0;
}

static int script_errno(const char *path)
{
    char *argv[] = {"x", NULL}, *envp[] = {NULL};
    int st = CHILD({
        execve(path, argv, envp);
        _exit(errno);
    });
    return WIFEXITED(st) ? WEXITSTATUS(st) : -1;
}

static void arguments(void)
{
    script("s1", "#!./interp\n");
    CHECK(gives("s1", NULL, NULL, "./interp|s1"), "the interpreter gets the script's name in place of argv[0]");
    CHECK(gives("s1", "a", "b c", "./interp|s1|a|b c"), "and the arguments after it");
    CHECK(gives("./s1", NULL, NULL, "./interp|./s1"), "the name is the one given to exec");
    script("s2", "#!./interp opt\n");
    CHECK(gives("s2", "a", NULL, "./interp|opt|s2|a"), "an optional argument comes before");
    script("s3", "#!./interp one two  three\n");
    CHECK(gives("s3", NULL, NULL, "./interp|one two  three|s3"), "it is one argument, blanks and all");
    script("s4", "#! \t ./interp \t opt \t \n");
    CHECK(gives("s4", NULL, NULL, "./interp|opt|s4"), "blanks around are cut");
    script("s5", "#!./interp opt");
    CHECK(gives("s5", NULL, NULL, "./interp|opt|s5"), "the newline may be missing at the end of the file");
    script("s6", "#!./interp opt\nmore\n#!./other\n");
    CHECK(gives("s6", NULL, NULL, "./interp|opt|s6"), "only the first line counts");
    script("s7", "#!./interp \r\n");
    CHECK(gives("s7", NULL, NULL, "./interp|\r|s7"), "a carriage return is an argument");
}

static void nesting(void)
{
    script("n1", "#!./interp a\n");
    script("n2", "#!./n1 b\n");
    CHECK(gives("n2", "c", NULL, "./interp|a|./n1|b|n2|c"), "a script may be a script's interpreter");
    script("n3", "#!./n2\n");
    script("n4", "#!./n3\n");
    script("n5", "#!./n4\n");
    CHECK(gives("n5", NULL, NULL, "./interp|a|./n1|b|./n2|./n3|./n4|n5"), "five deep");
    script("n6", "#!./n5\n");
    CHECK(script_errno("n6") == ELOOP, "six deep is ELOOP");
    script("self", "#!./self\n");
    CHECK(script_errno("self") == ELOOP, "a script that is its own interpreter");
}

static void refusals(void)
{
    script("e1", "#!./absent\n");
    CHECK(script_errno("e1") == ENOENT, "an absent interpreter");
    script("e2", "#!\n");
    CHECK(script_errno("e2") == ENOEXEC, "no interpreter");
    script("e3", "#!   \t\n");
    CHECK(script_errno("e3") == ENOEXEC, "blanks only");
    script("e4", "#!.\n");
    CHECK(script_errno("e4") == EACCES, "a directory as interpreter");
    put_text("plain", "no x bits");
    script("e5", "#!./plain\n");
    CHECK(script_errno("e5") == EACCES, "an interpreter without x bits");
    put_text("e6", "#!./interp\n");
    CHECK(script_errno("e6") == EACCES, "a script without x bits");
    script("e7", "# !./interp\n");
    CHECK(script_errno("e7") == ENOEXEC, "a blank between # and !");
    script("text", "text\n");
    script("e9", "#!./text\n");
    CHECK(script_errno("e9") == ENOEXEC, "an interpreter that is a text");
}

/* The kernel looks at the first 256 bytes. */
static void lengths(void)
{
    char line[400], want[400];
    memset(line, 'a', sizeof line);
    memcpy(line, "#!./interp ", 11);
    strcpy(line + 255, "\n");
    script("l1", line);
    snprintf(want, sizeof want, "./interp|%.244s|l1", line + 11);
    CHECK(gives("l1", NULL, NULL, want), "a line of 255 bytes");
    memset(line, 'a', 350);
    memcpy(line, "#!./interp ", 11);
    strcpy(line + 350, "\n");
    script("l2", line);
    snprintf(want, sizeof want, "./interp|%.244s|l2", line + 11);
    CHECK(gives("l2", NULL, NULL, want), "a longer argument is cut at 256");
    memset(line, 'a', 350);
    memcpy(line, "#!./", 4);
    strcpy(line + 350, "\n");
    script("l3", line);
    CHECK(script_errno("l3") == ENOEXEC, "an interpreter's name that does not fit");
}

static void credentials(void)
{
    REQ(chmod(".", 0755) == 0 && chmod("interp", 0755) == 0);
    script("setid", "#!./interp\n");
    REQ(chown("setid", 1234, 1234) == 0 && chmod("setid", 06755) == 0);
    CHECK_CHILD("set-ID bits of a script do nothing", {
        drop_root();
        char *argv[] = {"x", NULL};
        char *envp[] = {"EUID=65534", NULL};
        execve("setid", argv, envp);
        _exit(1);
    });
    REQ(chown("interp", 1234, 1234) == 0 && chmod("interp", 04755) == 0);
    CHECK_CHILD("those of its interpreter count", {
        drop_root();
        char *argv[] = {"x", NULL};
        char *envp[] = {"EUID=1234", NULL};
        execve("s1", argv, envp);
        _exit(1);
    });
    REQ(chown("interp", 0, 0) == 0 && chmod("interp", 0711) == 0);
    script("unread", "#!./interp\n");
    REQ(chmod("unread", 0711) == 0);
    CHECK_CHILD("the kernel reads a script for one who may only execute it", {
        drop_root();
        char *argv[] = {"x", NULL};
        char *envp[] = {"EUID=65534", NULL};
        execve("unread", argv, envp);
        _exit(1);
    });
}

static void by_descriptor(void)
{
    char path[32], want[80], *argv[] = {"x", "arg", NULL};
    int fd = open("s1", O_RDONLY);
    snprintf(path, sizeof path, "/dev/fd/%d", fd);
    snprintf(want, sizeof want, "WANT=./interp|%s|arg", path);
    char *envp[] = {want, NULL};
    CHECK(CHILD(syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH)) == 0,
          "execveat of a script names it /dev/fd/N");
    close(fd);
    fd = open("s1", O_RDONLY | O_CLOEXEC);
    CHECK_ERRNO(syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH), ENOENT, "a close-on-exec one would be gone");
    close(fd);
}

static int interpreter(int argc, char **argv, const char *want)
{
    char got[5000] = "";
    for (int i = 0; i < argc; i++) {
        if (i)
            strcat(got, "|");
        strcat(got, argv[i]);
    }
    if (strcmp(got, want))
        dprintf(1, "# interpreter got %s\n", got);
    return strcmp(got, want) != 0;
}

int main(int argc, char **argv)
{
    if (getenv("WANT"))
        return interpreter(argc, argv, getenv("WANT"));
    if (getenv("EUID"))
        return geteuid() != (uid_t)atoi(getenv("EUID"));
    umask(0);
    copy_file("/proc/self/exe", "interp");
    arguments();
    nesting();
    refusals();
    lengths();
    by_descriptor();
    credentials();
    return tap_end();
}
