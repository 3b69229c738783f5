/* SPDX-License-Identifier: MIT */
/* Whom a file tells by signals what happens to it: fcntl's F_SETOWN, F_SETSIG and O_ASYNC; SIGIO and SIGURG. */
#ifndef PROC_SIGIO_H
#define PROC_SIGIO_H

#include "abi/fcntl.h"
#include "fs/vfs.h"

/* type F_OWNER_*, nr its number; 0: nobody. Without `force` an owner who is named stays. -ESRCH, -ENOMEM. */
int file_owner_set(struct file *f, s32 type, s32 nr, bool force);
void file_owner_get(struct file *f, struct f_owner_ex *out); /* number 0: nobody, or gone */
int file_owner_set_sig(struct file *f, u32 sig);             /* 0: SIGIO without particulars. -ENOMEM */
int file_owner_sig(struct file *f);
int file_owner_async(struct file *f, u32 fd, bool on); /* O_ASYNC, for descriptor fd. -ENOMEM */
void sigio_run(void);                                  /* WORK_SIGIO: what the calling thread did is told of */
void sigio_init(void);

#endif
