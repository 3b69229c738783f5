// SPDX-License-Identifier: MIT
/* Names of AF_UNIX sockets: paths, abstract ones, given by the kernel; /proc/net/unix. */
#include "tests/abi/tap.h"
#include "tests/abi/unix.h"

#define AT offsetof(struct sockaddr_un, sun_path)

static void test_paths(void)
{
    struct sockaddr_un a, b;
    socklen_t al = path_name(&a, "unix_sock"), bl = sizeof b;
    int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0), d = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct stat st;
    unlink("unix_sock");
    umask(022);
    CHECK_ERRNO(connect(c, (void *)&a, al), ENOENT, "connect: no such name");
    CHECK(bind(l, (void *)&a, al) == 0, "bind");
    CHECK(stat("unix_sock", &st) == 0 && S_ISSOCK(st.st_mode) && (st.st_mode & 0777) == 0755,
          "makes a socket, by the umask");
    CHECK(getsockname(l, (void *)&b, &bl) == 0 && bl == AT + 10 && strcmp(b.sun_path, "unix_sock") == 0, "getsockname");
    CHECK_ERRNO(bind(c, (void *)&a, al), EADDRINUSE, "the name exists");
    CHECK_ERRNO(open("unix_sock", O_RDWR), ENXIO, "it cannot be opened");
    CHECK_ERRNO(connect(c, (void *)&a, al), ECONNREFUSED, "nobody listens");
    CHECK_ERRNO(connect(d, (void *)&a, al), EPROTOTYPE, "a socket of another type");
    path_name(&b, "unix_other");
    CHECK_ERRNO(bind(l, (void *)&b, sizeof b), EINVAL, "a second name");
    CHECK_ERRNO(stat("unix_other", &st), ENOENT, "is not made");
    REQ(listen(l, 3) == 0);
    CHECK(connect(c, (void *)&a, al) == 0, "connect");
    close(c);
    REQ(symlink("unix_sock", "unix_link") == 0 && link("unix_sock", "unix_hard") == 0);
    path_name(&b, "unix_link");
    c = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(connect(c, (void *)&b, sizeof b) == 0, "by a symlink");
    close(c);
    path_name(&b, "unix_hard");
    c = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(connect(c, (void *)&b, (socklen_t)(AT + 9)) == 0, "by a hard link, without the NUL");
    close(c);
    REQ(rename("unix_sock", "unix_moved") == 0);
    path_name(&b, "unix_moved");
    c = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(connect(c, (void *)&b, sizeof b) == 0, "after a rename");
    bl = sizeof b;
    CHECK(getpeername(c, (void *)&b, &bl) == 0 && strcmp(b.sun_path, "unix_sock") == 0, "the name stays that of bind");
    close(c);
    REQ(chmod("unix_moved", 0600) == 0);
    CHECK_CHILD("connect needs write permission", {
        REQ(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
        path_name(&b, "unix_moved");
        c = socket(AF_UNIX, SOCK_STREAM, 0);
        REQ(connect(c, (void *)&b, sizeof b) == -1 && errno == EACCES);
    });
    unlink("unix_link");
    unlink("unix_hard");
    close(l);
    path_name(&b, "unix_moved");
    c = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK_ERRNO(connect(c, (void *)&b, sizeof b), ECONNREFUSED, "a name whose socket is closed");
    CHECK(unlink("unix_moved") == 0, "is removed by hand");
    close(c), close(d);
}

static void test_path_errors(void)
{
    struct sockaddr_un b;
    socklen_t bl;
    int c = socket(AF_UNIX, SOCK_STREAM, 0);
    put_text("unix_file", "x");
    path_name(&b, "unix_file");
    CHECK_ERRNO(connect(c, (void *)&b, sizeof b), ECONNREFUSED, "a file that is no socket");
    path_name(&b, "unix_file/x");
    CHECK_ERRNO(connect(c, (void *)&b, sizeof b), ENOTDIR, "below a file");
    CHECK_ERRNO(bind(c, (void *)&b, sizeof b), ENOTDIR, "bind below a file");
    path_name(&b, "no/such/folder");
    CHECK_ERRNO(bind(c, (void *)&b, sizeof b), ENOENT, "bind in no folder");
    unlink("unix_file");
    REQ(symlink("loop1", "loop1") == 0);
    path_name(&b, "loop1");
    CHECK_ERRNO(connect(c, (void *)&b, sizeof b), ELOOP, "a loop of links");
    CHECK_ERRNO(bind(c, (void *)&b, sizeof b), EADDRINUSE, "bind onto a link");
    unlink("loop1");
    REQ(mkdir("unix_dir", 0755) == 0);
    CHECK_CHILD("bind needs permission in the folder", {
        REQ(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
        path_name(&b, "unix_dir/s");
        REQ(bind(c, (void *)&b, sizeof b) == -1 && errno == EACCES);
    });
    rmdir("unix_dir");
    memset(&b, 'n', sizeof b);
    b.sun_family = AF_UNIX;
    CHECK(bind(c, (void *)&b, sizeof b) == 0, "108 bytes without a NUL");
    struct sockaddr_storage big;
    bl = sizeof big;
    CHECK(getsockname(c, (void *)&big, &bl) == 0 && bl == sizeof b + 1, "are one more for getsockname");
    char name[109];
    memset(name, 'n', 108);
    name[108] = 0;
    CHECK(unlink(name) == 0, "and a name of 108");
    close(c);
}

static void test_abstract(void)
{
    struct sockaddr_un a, b;
    socklen_t al = abstract(&a, "name"), bl = sizeof b;
    int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0), d = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK(bind(l, (void *)&a, al) == 0, "bind");
    CHECK_ERRNO(bind(c, (void *)&a, al), EADDRINUSE, "twice");
    CHECK(bind(c, (void *)&a, al + 1) == 0, "a NUL more is another name");
    CHECK(bind(d, (void *)&a, al) == 0, "each type has its own");
    CHECK(getsockname(l, (void *)&b, &bl) == 0 && bl == al && memcmp(&a, &b, al) == 0, "getsockname");
    CHECK_ERRNO(bind(l, (void *)&a, al), EINVAL, "a second name");
    close(l);
    l = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(bind(l, (void *)&a, al) == 0, "a closed one's name is free");
    close(l), close(c), close(d);
}

static void test_autobind(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX}, b, c;
    socklen_t bl = sizeof b, cl = sizeof c;
    int s = socket(AF_UNIX, SOCK_STREAM, 0), t = socket(AF_UNIX, SOCK_STREAM, 0), on = 1;
    CHECK(getsockname(s, (void *)&b, &bl) == 0 && bl == 2 && b.sun_family == AF_UNIX, "no name at first");
    CHECK(bind(s, (void *)&a, 2) == 0 && bind(t, (void *)&a, 2) == 0, "bind with the family alone");
    bl = sizeof b;
    CHECK(getsockname(s, (void *)&b, &bl) == 0 && bl == AT + 6 && !b.sun_path[0],
          "gives an abstract name of 5 characters");
    CHECK(getsockname(t, (void *)&c, &cl) == 0 && memcmp(&b, &c, bl) != 0, "another each time");
    int good = 1;
    for (int i = 1; i < 6; i++)
        good &= strchr("0123456789abcdef", b.sun_path[i]) != NULL;
    CHECK(good, "of hexadecimal digits");
    CHECK(bind(s, (void *)&a, 2) == 0, "again: it keeps it");
    close(s), close(t);
    int d = socket(AF_UNIX, SOCK_DGRAM, 0), e = socket(AF_UNIX, SOCK_DGRAM, 0);
    socklen_t al = abstract(&a, "auto");
    REQ(bind(d, (void *)&a, al) == 0 && setsockopt(e, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
    REQ(connect(e, (void *)&a, al) == 0);
    bl = sizeof b;
    CHECK(getsockname(e, (void *)&b, &bl) == 0 && bl == AT + 6, "connect with SO_PASSCRED gives one");
    close(d), close(e);
}

static void test_errors(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX}, b;
    socklen_t len;
    int s = socket(AF_UNIX, SOCK_STREAM, 0), d = socket(AF_UNIX, SOCK_DGRAM, 0);
    a.sun_family = AF_INET;
    strcpy(a.sun_path, "x");
    CHECK_ERRNO(bind(s, (void *)&a, sizeof a), EINVAL, "bind: another family");
    CHECK_ERRNO(connect(s, (void *)&a, sizeof a), EINVAL, "connect: another family");
    CHECK_ERRNO(sendto(d, "x", 1, 0, (void *)&a, sizeof a), EINVAL, "sendto: another family");
    a.sun_family = AF_UNIX;
    CHECK_ERRNO(bind(s, (void *)&a, 1), EINVAL, "bind: a short address");
    CHECK_ERRNO(connect(s, (void *)&a, 2), EINVAL, "connect: a short one");
    CHECK_ERRNO(connect(d, (void *)&a, 1), EINVAL, "connect of a datagram socket: a short one");
    CHECK_ERRNO(sendto(d, "x", 1, 0, (void *)&a, 2), EINVAL, "sendto: a short one");
    CHECK_ERRNO(bind(s, (void *)&a, sizeof a + 1), EINVAL, "bind: a long one");
    CHECK_ERRNO(bind(s, (void *)&a, 1000), EINVAL, "bind: a very long one");
    CHECK_ERRNO(bind(s, (void *)&a, (socklen_t)-1), EINVAL, "bind: a negative length");
    CHECK_ERRNO(bind(s, at_addr(8), sizeof a), EFAULT, "bind: a bad pointer");
    CHECK_ERRNO(connect(s, at_addr(8), sizeof a), EFAULT, "connect: a bad pointer");
    len = sizeof b;
    CHECK_ERRNO(getsockname(s, at_addr(8), &len), EFAULT, "getsockname: a bad pointer");
    CHECK_ERRNO(getsockname(s, (void *)&b, at_addr(8)), EFAULT, "getsockname: a bad length's pointer");
    len = (socklen_t)-1;
    CHECK_ERRNO(getsockname(s, (void *)&b, &len), EINVAL, "getsockname: a negative length");
    len = sizeof b;
    CHECK_ERRNO(getpeername(s, (void *)&b, &len), ENOTCONN, "getpeername without a peer");
    len = 0;
    CHECK(getsockname(s, (void *)&b, &len) == 0 && len == 2, "getsockname: no room");
    close(s), close(d);
}

static void test_proc(void)
{
    struct sockaddr_un a;
    socklen_t al = path_name(&a, "unix_shown");
    int l = socket(AF_UNIX, SOCK_STREAM, 0), found = 0;
    struct stat st;
    char line[512];
    unlink("unix_shown");
    REQ(bind(l, (void *)&a, al) == 0 && listen(l, 1) == 0 && fstat(l, &st) == 0);
    FILE *f = fopen("/proc/net/unix", "r");
    REQ(f && fgets(line, sizeof line, f));
    CHECK(strcmp(line, "Num       RefCount Protocol Flags    Type St Inode Path\n") == 0, "/proc/net/unix");
    while (fgets(line, sizeof line, f)) {
        unsigned long num, ino;
        unsigned refs, proto, flags, type, state;
        char path[200] = "";
        if (sscanf(line, "%lx: %x %x %x %x %x %lu %199s", &num, &refs, &proto, &flags, &type, &state, &ino, path) < 7)
            found = -1000;
        if (ino == st.st_ino && strcmp(path, "unix_shown") == 0 && flags == 0x10000 && type == 1 && state == 1)
            found++;
    }
    fclose(f);
    CHECK(found == 1, "shows a listener");
    close(l);
    unlink("unix_shown");
}

static void *binder(void *arg)
{
    struct sockaddr_un a;
    socklen_t al = abstract(&a, "race");
    long won = 0;
    (void)arg;
    for (int i = 0; i < 500; i++) {
        int s = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
        if (bind(s, (void *)&a, al) == 0) {
            won++;
            listen(s, 1);
        } else if (errno != EADDRINUSE) {
            return (void *)-1000;
        }
        fcntl(c, F_SETFL, O_NONBLOCK);
        if (connect(c, (void *)&a, al) < 0 && errno != ECONNREFUSED && errno != EAGAIN)
            return (void *)-2000;
        close(s), close(c);
    }
    return (void *)won;
}

static void test_race(void)
{
    pthread_t t[2];
    void *won[2];
    for (int i = 0; i < 2; i++)
        REQ(pthread_create(&t[i], NULL, binder, NULL) == 0);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], &won[i]);
    CHECK((long)won[0] >= 0 && (long)won[1] >= 0 && (long)won[0] + (long)won[1] >= 500, "two threads want one name");
}

int main(void)
{
    test_paths();
    test_path_errors();
    test_abstract();
    test_autobind();
    test_errors();
    test_proc();
    test_race();
    return tap_end();
}
