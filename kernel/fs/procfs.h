/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID: the tree is walked here, the contents belong to proc/, which fills the tables below. A task is whatever
 * stands for a process or a thread there (void *task, counted by get and put); it may have died meanwhile, which the
 * functions tell by -ESRCH.
 */
#ifndef FS_PROCFS_H
#define FS_PROCFS_H

#include "fs/seq.h"
#include "fs/vfs.h"

/* One name below /proc/PID or /proc/PID/task/TID. `key`: the number of a numbered entry (a descriptor), else 0. */
struct proc_entry {
    const char *name; /* NULL ends a table; "" in `each` */
    u32 mode;         /* S_IFREG, S_IFLNK or S_IFDIR, with permissions */
    int (*show)(struct seq_buf *s, void *task, u64 key);
    ssize_t (*write)(void *task, u64 key, const char *text, size_t n);
    int (*follow)(void *task, u64 key, const struct fs_view *v, struct path *out); /* magic links: references */
    ssize_t (*readlink)(void *task, u64 key, char *buf, size_t size);              /* links that are only texts */
    const struct file_ops *fops;       /* instead of show: proc_inode_task() gives the task */
    const struct proc_entry *children; /* a folder of fixed names */
    /* A folder of numbers: the first one at or after `from`, ~0: none; and what each of them is. */
    u64 (*next)(void *task, u64 from);
    const struct proc_entry *each;
    u32 (*mode_of)(void *task, u64 key); /* optional: permissions of a numbered entry (fd links) */
    int (*permission)(void *task);       /* optional: may the caller look at it (ptrace access)? 0, -EACCES, -EPERM */
};
struct proc_pid_ops {
    void *(*get)(u32 pid);                       /* a process, by number; reference; NULL: none */
    void *(*get_thread)(void *process, u32 tid); /* a thread of it; reference; NULL: none */
    void *(*again)(void *task);                  /* one more reference */
    void (*put)(void *task);
    u32 (*next)(u32 from); /* first process number at or after `from`; 0: none */
    u32 (*next_thread)(void *process, u32 from);
    bool (*alive)(void *task);                     /* false: reaped */
    void (*owner)(void *task, u32 *uid, u32 *gid); /* of its inodes */
    bool (*is_caller)(void *task);                 /* of the calling process */
    u32 (*self)(bool thread);                      /* number of the calling process, or thread; 0: a kernel thread */
    const struct proc_entry *process, *thread;     /* tables; the folder "task" is added to `process` here */
};
/* Set once by proc/ before PID 1 starts. */
void proc_set_pid_ops(const struct proc_pid_ops *ops);
/* The task behind an open /proc/PID itself, borrowed; NULL: it is something else. */
void *proc_folder_task(const struct file *f);
/* For fops: the inode's task and key (borrowed: the inode keeps it). */
void *proc_inode_task(const struct inode *i, u64 *key);

int procfs_make(const char *options, struct super **out);
int sysfs_make(const char *options, struct super **out);
int cgroup2_make(const char *options, struct super **out);
void procfs_init(void);     /* boot: /proc/self, before anything is registered */
void procfs_populate(void); /* boot: files that fs/ and the layers above it know (fs/procfs_files.c) */
void sysfs_populate(void);  /* boot: likewise, /sys (fs/sysfs_files.c) */
int sysfs_mkdir(const char *path);
int sysfs_symlink(const char *path, const char *target);
/* A file of the cgroup that the whole machine is. */
int cgroup_register(const char *path, u32 mode, int (*show)(struct seq_buf *s, void *arg), void *arg);
/* A folder, or a link with a fixed text, in /proc or /sys. */
int proc_mkdir(const char *path, u32 mode);
int proc_symlink(const char *path, const char *target);

#endif
