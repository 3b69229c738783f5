/* SPDX-License-Identifier: MIT */
/*
 * Pairs of pseudo-terminals. The slave is a terminal like any other (tty.h), whose driver is the pair: what it writes goes
 * into a ring, from which the files of the master read; what these write is the terminal's input. devpts gives a pair its
 * number and its name.
 */
#ifndef TTY_PTY_H
#define TTY_PTY_H

#include "fs/mount.h"
#include "tty/tty.h"

#define PTY_RING 16384u
#define PTY_SLAVE_MAJOR 136

struct devpts;

/*
 * Life of a pair: made by an opening of ptmx, which is its only master file; the slave opens once it is unlocked. It is
 * counted through its terminal: one reference is the master's, one the inode's in devpts, one each file's of the slave.
 *
 *   LOCKED ──TIOCSPTLCK──► OPEN ◄──open of the slave── LEFT     LEFT: the last file of the slave was closed; the master
 *                           └────last close of it───────►       reads what is left, and then -EIO
 *   any of them ──close of the master──► DEAD: the name is gone, the slave's files are hung up, none opens any more
 *   DEAD ──last reference──► freed; only now the number can be used again
 *
 * Locks: lock (LOCK_DEVICE) is taken last, under tty.lock and tty.out_lock by the slave, by none at all in the master.
 * write_lock orders the master's writers; tasklist_lock and tty.lock are taken under it. A master that waits for room waits for
 * tty.throttled to go, which tty_input sets and the readers of the slave clear under tty.lock.
 */
struct pty {
    struct tty *tty; /* the slave; owns the pair */
    struct devpts *numbers;
    u32 nr;
    struct inode *inode;                /* of the name; the table's reference (devpts.c) */
    struct path folder;                 /* the instance's root, as the master came to it; its reference */
    struct spinlock lock;               /* LOCK_DEVICE */
    u8 *ring;                           /* (lock) ring[tail..head) free-running: from the slave, not yet read */
    u32 head, tail;                     /* (lock) */
    bool locked;                        /* (lock) no opening of the slave yet */
    bool left;                          /* (lock) the slave was open and is no more */
    bool hung;                          /* (lock) TIOCVHANGUP of the master: the end of its file, the slave's go on */
    bool exclusive;                     /* (lock) the master's TIOCEXCL, which nothing asks */
    bool packet;                        /* (lock) TIOCPKT */
    u8 status;                          /* (lock) TIOCPKT_* that the master has not read */
    struct waitq read_wait, write_wait; /* of the master */
    struct mutex write_lock;
};

/* pty.c: a pair with the number nr; the reference is the master's. NULL: no memory. */
struct pty *pty_create(struct devpts *numbers, u32 nr);
extern const struct file_ops pty_master_ops, pty_slave_open_ops;
void pty_init(void);

/* devpts.c */
int devpts_new_pair(struct file *master, struct pty **out); /* named, in the instance that the master's path leads to */
void devpts_remove(struct pty *p);                          /* the name goes */
void devpts_release_nr(struct devpts *d, u32 nr);           /* and the number, with its reference to d */
int devpts_open_slave(struct pty *p, u32 flags, struct file **out);
void devpts_init(void);

#endif
