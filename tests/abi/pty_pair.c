// SPDX-License-Identifier: MIT
/* Pseudo-terminals: pairs and devpts, bytes both ways, ends that are closed, hung up and opened again. */
#define TAP_KEEP_CAPABILITIES
#include "tests/abi/pty.h"

#include <linux/major.h>
#include <sys/epoll.h>
#include <sys/sysmacros.h>

static void numbers(void)
{
    int m = open("/dev/ptmx", O_RDWR | O_NOCTTY), n = -1, lock = -1;
    char name[32], buf[64];
    struct stat st;
    CHECK(m >= 0, "ptmx opens");
    CHECK(ioctl(m, TIOCGPTN, &n) == 0 && n >= 0, "TIOCGPTN");
    CHECK(ioctl(m, TIOCGPTLCK, &lock) == 0 && lock == 1, "a new pair is locked");
    CHECK_ERRNO(open_slave(m, O_RDWR), EIO, "a locked slave does not open");
    CHECK_ERRNO(ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY), EIO, "nor by TIOCGPTPEER");
    lock = 0;
    CHECK(ioctl(m, TIOCSPTLCK, &lock) == 0, "TIOCSPTLCK unlocks");
    CHECK(ioctl(m, TIOCGPTLCK, &lock) == 0 && lock == 0, "TIOCGPTLCK says so");
    int s = open_slave(m, O_RDWR), peer = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    CHECK(s >= 0, "an unlocked slave opens");
    CHECK(peer >= 0 && fcntl(peer, F_GETFD) == FD_CLOEXEC, "TIOCGPTPEER opens it too, O_CLOEXEC kept");
    CHECK(isatty(m) && isatty(s) && isatty(peer), "all are terminals");
    snprintf(name, sizeof name, "/dev/pts/%d", n);
    CHECK(ttyname_r(s, buf, sizeof buf) == 0 && !strcmp(buf, name), "ttyname of the slave");
    CHECK(ttyname_r(peer, buf, sizeof buf) == 0 && !strcmp(buf, name), "ttyname of the peer");
    CHECK(fstat(s, &st) == 0 && S_ISCHR(st.st_mode) && (st.st_mode & 07777) == 0620, "mode 620");
    CHECK(st.st_uid == 0 && st.st_gid == 5 && st.st_rdev == makedev(136, n), "owner, group 5, 136:n");
    CHECK(fstat(m, &st) == 0 && st.st_rdev == makedev(5, 2) && (st.st_mode & 07777) == 0666,
          "the master is 5:2, mode 666");
    CHECK_ERRNO(ioctl(s, TIOCGPTN, &n), ENOTTY, "TIOCGPTN of a slave");
    CHECK_ERRNO(ioctl(s, TIOCSPTLCK, &lock), ENOTTY, "TIOCSPTLCK of a slave");
    CHECK_ERRNO(ioctl(s, TIOCGPTPEER, O_RDWR), EIO, "TIOCGPTPEER of a slave");
    CHECK_ERRNO(ioctl(s, TIOCPKT, &lock), ENOTTY, "TIOCPKT of a slave");
    CHECK_ERRNO(unlink(name), EPERM, "a slave cannot be unlinked");
    CHECK_ERRNO(mkdir("/dev/pts/x", 0755), EPERM, "nothing is made in devpts");
    CHECK_ERRNO(open("/dev/pts/x", O_RDWR | O_CREAT, 0644), EACCES, "nor a file");
    CHECK(chmod(name, 0600) == 0 && chown(name, 1, 2) == 0 && stat(name, &st) == 0 && st.st_uid == 1 &&
              st.st_gid == 2 && (st.st_mode & 07777) == 0600,
          "chmod and chown last");
    int other = open_master(), k;
    REQ(ioctl(other, TIOCGPTN, &k) == 0);
    CHECK(k != n, "another pair has another number");
    close(m);
    CHECK(!exists(name), "the name goes with the master");
    m = open_master();
    REQ(ioctl(m, TIOCGPTN, &k) == 0);
    CHECK(k != n, "the number stays taken while a slave is open");
    close(m);
    close(s);
    close(peer);
    m = open_master();
    REQ(ioctl(m, TIOCGPTN, &k) == 0);
    CHECK(k == n, "then it is used again");
    close(m);
    close(other);
}

static void bytes(void)
{
    struct pair p = open_pair();
    struct winsize w = {24, 80, 1, 2}, got = {0};
    int n = -1;
    put(p.m, "hello\n");
    CHECK(reads(p.s, "hello\n"), "a line goes to the slave");
    CHECK(gets_text(p.m, "hello\r\n"), "it is echoed, ONLCR");
    put(p.s, "one\ntwo\n");
    CHECK(gets_text(p.m, "one\r\ntwo\r\n"), "the slave's output is processed");
    CHECK(poll_now(p.m) == (POLLOUT | POLLWRNORM) && poll_now(p.s) == (POLLOUT | POLLWRNORM), "both can be written");
    put(p.m, "par");
    CHECK(gets_text(p.m, "par") && !(poll_now(p.s) & POLLIN), "a part of a line is not readable");
    fcntl(p.s, F_SETFL, O_RDWR | O_NONBLOCK);
    CHECK_ERRNO(read(p.s, &n, 1), EAGAIN, "O_NONBLOCK without a line");
    fcntl(p.m, F_SETFL, O_RDWR | O_NONBLOCK);
    CHECK_ERRNO(read(p.m, &n, 1), EAGAIN, "the master too");
    put(p.m, "t\n");
    CHECK(poll_wait(p.s, POLLIN) == POLLIN && ioctl(p.s, FIONREAD, &n) == 0 && n == 5, "FIONREAD of a line");
    CHECK(reads(p.s, "part\n"), "the line");
    CHECK(poll_wait(p.m, POLLIN) == POLLIN && ioctl(p.m, FIONREAD, &n) == 0 && n == 3, "FIONREAD of the master");
    CHECK(ioctl(p.m, TIOCSWINSZ, &w) == 0 && ioctl(p.s, TIOCGWINSZ, &got) == 0 && !memcmp(&w, &got, sizeof w),
          "the window's size is the pair's");
    CHECK(get_termios(p.m).c_lflag == get_termios(p.s).c_lflag && (get_termios(p.m).c_lflag & ICANON),
          "the master shows the slave's settings");
    CHECK_ERRNO(lseek(p.m, 0, SEEK_SET), ESPIPE, "no seeking");
    close_pair(p);
}

static void ends(void)
{
    struct pair p = open_pair();
    char c;
    put(p.s, "last");
    close(p.s);
    CHECK(poll_wait(p.m, POLLIN) == (POLLIN | POLLHUP), "slave closed: POLLHUP beside what is left");
    CHECK(reads(p.m, "last"), "what was written is still read");
    CHECK_ERRNO(read(p.m, &c, 1), EIO, "then EIO");
    CHECK(poll_now(p.m) == (POLLHUP | POLLOUT | POLLWRNORM), "POLLHUP and POLLOUT");
    CHECK(write(p.m, "x\n", 2) == 2, "writing goes on");
    p.s = open_slave(p.m, O_RDWR);
    CHECK(p.s >= 0 && !(poll_now(p.m) & POLLHUP), "opened again: no hang-up");
    CHECK(reads(p.s, "x\n"), "what came meanwhile is there");
    fcntl(p.s, F_SETFL, O_RDWR | O_NONBLOCK);
    put(p.m, "lost\n");
    close(p.m);
    CHECK(poll_now(p.s) == (POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM),
          "master closed: all of poll");
    CHECK(read(p.s, &c, 1) == 0, "reading: end of file");
    CHECK_ERRNO(write(p.s, "x", 1), EIO, "writing: EIO");
    struct termios t;
    CHECK_ERRNO(ioctl(p.s, TCGETS, &t), EIO, "ioctl: EIO");
    CHECK_ERRNO(ioctl(p.s, TIOCSPGRP, &c), ENOTTY, "TIOCSPGRP: ENOTTY");
    char self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", p.s);
    CHECK_ERRNO(open(self, O_RDWR | O_NOCTTY), EIO, "it does not open again");
    close(p.s);
}

static void full(void)
{
    struct pair p = open_pair();
    char buf[1024];
    long n = 0, back = 0;
    int err;
    set_raw(p.s);
    fcntl(p.s, F_SETFL, O_RDWR | O_NONBLOCK);
    memset(buf, 'y', sizeof buf);
    for (ssize_t r; (r = write(p.s, buf, sizeof buf)) > 0;)
        n += r;
    err = errno;
    CHECK(err == EAGAIN && n >= 4096, "a slave whose master does not read fills up");
    CHECK(!(poll_now(p.s) & POLLOUT), "and is not writable");
    while (back < n) {
        ssize_t r = read(p.m, buf, sizeof buf);
        REQ(r > 0);
        back += r;
    }
    CHECK(poll_wait(p.s, POLLOUT) & POLLOUT, "until it was read");
    fcntl(p.m, F_SETFL, O_RDWR | O_NONBLOCK);
    for (n = 0; n < (1 << 20);) {
        ssize_t r = write(p.m, buf, sizeof buf);
        if (r <= 0)
            break;
        n += r;
    }
    err = errno;
    CHECK(err == EAGAIN && n >= 4095, "so does a master whose slave does not read");
    for (back = 0; back < n;) {
        ssize_t r = poll_wait(p.s, POLLIN) ? read(p.s, buf, sizeof buf) : -1;
        REQ(r > 0);
        back += r;
    }
    CHECK(back == n && (poll_wait(p.m, POLLOUT) & POLLOUT), "all of it comes");
    close_pair(p);
}

static void edges(void)
{
    struct pair p = open_pair();
    struct epoll_event e = {.events = EPOLLIN | EPOLLET}, got;
    int ep = epoll_create1(0);
    char c;
    set_raw(p.s);
    REQ(epoll_ctl(ep, EPOLL_CTL_ADD, p.m, &e) == 0);
    CHECK(epoll_wait(ep, &got, 1, 0) == 0, "no edge yet");
    put(p.s, "ab");
    CHECK(epoll_wait(ep, &got, 1, 10000) == 1 && got.events == EPOLLIN, "an edge");
    CHECK(read(p.m, &c, 1) == 1 && epoll_wait(ep, &got, 1, 0) == 0, "none for what is left");
    put(p.s, "c");
    CHECK(epoll_wait(ep, &got, 1, 10000) == 1, "one for what is new");
    CHECK(gets_text(p.m, "bc"), "and both are there");
    close(p.s);
    CHECK(epoll_wait(ep, &got, 1, 10000) == 1 && got.events == EPOLLHUP, "one for the hang-up");
    close(p.m);
    close(ep);
}

static void instances(void)
{
    int a, n, zero = 0;
    struct stat st;
    struct statfs fs;
    char name[64];
    REQ(mkdir("pts", 0755) == 0);
    CHECK(mount("devpts", "pts", "devpts", 0, "newinstance,uid=3,gid=4,mode=601,ptmxmode=640,max=2") == 0,
          "an instance");
    CHECK(stat("pts/ptmx", &st) == 0 && (st.st_mode & 07777) == 0640 && st.st_rdev == makedev(5, 2) && st.st_ino == 2,
          "its ptmx");
    CHECK(stat("pts", &st) == 0 && (st.st_mode & 07777) == 0755 && st.st_ino == 1 && st.st_nlink == 2, "its folder");
    CHECK(statfs("pts", &fs) == 0 && fs.f_type == 0x1cd1 && fs.f_bsize == 4096, "statfs");
    a = open("pts/ptmx", O_RDWR | O_NOCTTY);
    CHECK(a >= 0 && ioctl(a, TIOCGPTN, &n) == 0 && n == 0, "numbers begin at 0");
    snprintf(name, sizeof name, "pts/%d", n);
    CHECK(stat(name, &st) == 0 && st.st_uid == 3 && st.st_gid == 4 && (st.st_mode & 07777) == 0601 && st.st_ino == 3,
          "uid, gid and mode");
    int b = open("pts/ptmx", O_RDWR | O_NOCTTY);
    CHECK_ERRNO(open("pts/ptmx", O_RDWR | O_NOCTTY), ENOSPC, "max");
    REQ(ioctl(a, TIOCSPTLCK, &zero) == 0);
    int s = ioctl(a, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    CHECK(s >= 0 && fstat(s, &st) == 0 && st.st_rdev == makedev(136, 0), "TIOCGPTPEER in it");
    CHECK(umount("pts") == -1 && errno == EBUSY, "it is busy");
    CHECK(mount("x", "pts", NULL, MS_REMOUNT, "mode=600,ptmxmode=000") == 0 && stat("pts/ptmx", &st) == 0 &&
              (st.st_mode & 07777) == 0,
          "remount changes ptmx");
    CHECK_ERRNO(mount("devpts", "pts", "devpts", 0, "nonsense"), EINVAL, "an unknown option");
    CHECK_ERRNO(mount("devpts", "pts", "devpts", 0, "max=x"), EINVAL, "not a number");
    close(s);
    close(a);
    close(b);
    CHECK(umount("pts") == 0, "then it goes");
}

int main(void)
{
    signal(SIGHUP, SIG_IGN);
    numbers();
    bytes();
    ends();
    full();
    edges();
    instances();
    return tap_end();
}
