/* SPDX-License-Identifier: MIT */
/* eventfd(2). */
#ifndef FS_EVENTFD_H
#define FS_EVENTFD_H

#include "fs/vfs.h"

#define EFD_SEMAPHORE 1
int eventfd_create(u32 count, u32 flags, struct file **out); /* EFD_SEMAPHORE | EFD_NONBLOCK */
/* 1 more, for a kernel caller: never waits. f is an eventfd */
bool file_is_eventfd(const struct file *f);
void eventfd_signal(struct file *f);

#endif
