/* SPDX-License-Identifier: MIT */
/*
 * The lock order, in one place. A thread may take a lock only of a higher number than any it holds (equal only where
 * "nests" is said, and then by the rule given). The checked build asserts it (sched/lockdep.c) fatally. Numbers leave room.
 * S: sleeping lock; s: spinlock; i: spinlock taken with interrupts off, because an interrupt handler takes it too.
 */
#ifndef LIB_LOCK_ORDER_H
#define LIB_LOCK_ORDER_H

enum lock_class {
    LOCK_NONE = 0,   /* not checked: locks of boot and panic only */
    LOCK_SIGIO = 90, /* S who tells owners of files what happened (proc/sigio.c); nothing is held */
    /* processes */
    LOCK_EXEC = 100,      /* S process.exec_lock: exec, ptrace access, /proc reads of mm */
    LOCK_PTY_WRITE = 105, /* S pty.write_lock: writers of a master, whose input may be signals */
    LOCK_PID_NS = 110,    /* S all process tree changes: parents, groups, sessions (proc/process.c) */
    LOCK_TTY = 140,       /* S tty: line discipline */
    LOCK_TTY_OUT = 145,   /* S tty: output side */
    /* files */
    LOCK_EPOLL_TREE = 148,      /* S who may nest epolls (fs/epoll.c) */
    LOCK_EPOLL = 150,           /* S epoll.lock; nests outer → inner; polls the files it watches */
    LOCK_IPC = 190,             /* S System V IPC: a table of ids and its objects (held over user copies) */
    LOCK_SOCKET_BIND = 192,     /* S a socket gets its name (net/unix_name.c) */
    LOCK_STANDARD_MOUNTS = 195, /* S fs/init.c: the first walk mounts /proc, /dev, ... */
    LOCK_RENAME = 200,          /* S super.rename_lock: cross-directory rename */
    LOCK_FILE_POS = 210,        /* S file.pos_lock */
    LOCK_INODE_DIR = 220,       /* S inode.lock of directories; nests parent → child, else by address under RENAME */
    LOCK_INODE = 230,           /* S inode.lock of other inodes; nests by address */
    LOCK_PIPE = 240,            /* S pipe.lock; nests by address (splice, tee) */
    LOCK_SOCKET_IO = 245,       /* S readers of a socket, across user copies */
    LOCK_AIO_REAP = 248,        /* S who takes events out of a ring of io_setup */
    LOCK_TIMERFD = 250,         /* S timerfds that follow the wall clock */
    LOCK_NTP = 251,             /* S how the clock is adjusted, and setting it (proc/ntp.c) */
    LOCK_UNIX_GC = 252,         /* S what is in flight in messages (net/unix_gc.c) */
    LOCK_UNIX_ALL = 254,        /* S the list of all AF_UNIX sockets */
    LOCK_MOUNT = 260,           /* S the mount table */
    /* memory: a user copy may take MM, so nothing at or above it is held across one */
    LOCK_MM = 300,           /* S rwsem mm.lock; nests parent → child in fork */
    LOCK_MAPPING = 310,      /* S rwsem mapping.lock: the areas that map an inode */
    LOCK_PAGECACHE = 320,    /* s pagecache.lock: the radix tree */
    LOCK_PAGETABLE = 330,    /* s page-table lock (one a table page); nests parent → child in fork */
    LOCK_ANON = 340,         /* s shared anonymous objects */
    LOCK_PRINTK_MUTEX = 350, /* S console writers that sleep */
    /* small objects */
    LOCK_FS_CONTEXT = 400,    /* s fs_context.lock: root, cwd, umask */
    LOCK_FDTABLE = 410,       /* s fdtable.lock */
    LOCK_FILE_OWNER = 412,    /* s whom a file tells by signals (proc/sigio.c) */
    LOCK_WALK = 415,          /* s writers of walk_seq: names move, mounts change */
    LOCK_EPOLL_LINKS = 415,   /* s which epolls watch a file */
    LOCK_FILE_LOCKS = 418,    /* s flock and record locks, all of them */
    LOCK_DENTRY = 420,        /* s dentry.lock; nests parent → child */
    LOCK_DENTRY_HASH = 430,   /* s hash bucket */
    LOCK_INODE_CACHE = 440,   /* s super.inodes */
    LOCK_LRU = 450,           /* s lists of what can be reclaimed */
    LOCK_UNIX_TABLE = 454,    /* s names of AF_UNIX sockets */
    LOCK_UNIX = 455,          /* s unix_sock.lock; nests by address, and listener → embryo */
    LOCK_SOCKET_PEER = 456,   /* s who is at the other end, of every socket */
    LOCK_FUTEX = 460,         /* s futex bucket; nests by address */
    LOCK_FUTEX_PI = 462,      /* s owners and waiters of all PI futexes (proc/futex_pi.c) */
    LOCK_MQUEUE = 465,        /* s a POSIX message queue; its pollers are woken, signals sent under it */
    LOCK_AIO_LIST = 466,      /* s the contexts of io_setup */
    LOCK_AIO = 467,           /* s a context: where its ring ends, what waits */
    LOCK_INOTIFY = 468,       /* s watches of all inotify instances (fs/inotify_internal.h) */
    LOCK_INOTIFY_QUEUE = 469, /* s an instance's events */
    LOCK_DEVICE = 470,        /* s driver queues not touched by interrupts */
    LOCK_PORT = 480,          /* i driver queues touched by interrupts */
    /* signals and scheduling */
    LOCK_SIGNAL = 500,      /* i process.siglock: pending sets, threads, group state */
    LOCK_SIGHAND = 505,     /* s sighand.lock: the actions; taken under siglock with interrupts off */
    LOCK_WAITQ = 520,       /* i waitq.lock; nests epoll's outer queue → inner by depth */
    LOCK_WORK = 525,        /* i work queues; taken in wake-ups */
    LOCK_EPOLL_READY = 530, /* i an epoll's list of ready items */
    LOCK_TIMER = 540,       /* i per-CPU timer tree */
    LOCK_THREAD = 550,      /* i thread.wake_lock */
    LOCK_RUNQ = 560,        /* i runq.lock; nests by CPU number */
    LOCK_RCU = 570,         /* i per-CPU callback lists */
    /* leaves */
    LOCK_KMAP = 590,       /* s kernel virtual ranges; allocates tables */
    LOCK_SLAB = 600,       /* i slab node lists; interrupt handlers may free */
    LOCK_BUDDY = 610,      /* i zone lock */
    LOCK_TLB = 630,        /* i shootdown requests */
    LOCK_IDS = 640,        /* i pid bitmap, ino counters */
    LOCK_RANDOM = 650,     /* i generator state */
    LOCK_TIMEKEEPER = 660, /* i seqlock's writer side */
    LOCK_IOAPIC = 670,     /* i routing */
    LOCK_PCI = 680,        /* i configuration space */
    LOCK_UART = 690,       /* i */
    LOCK_KLOG = 700,       /* i log ring; taken anywhere */
};

#endif
