// SPDX-License-Identifier: MIT
/* memfd_create(2). */
#include "abi/mman.h"
#include "fs/memfd.h"
#include "syscall/fd.h"
#include "syscall/sys.h"

#define MEMFD_NAME_MAX 249 /* with "memfd:" it is a file name */

long sys_memfd_create(str_k name, u32 flags)
{
    char text[MEMFD_NAME_MAX + 1];
    struct file *f;
    ssize_t len = copy_string_from_user(text, name, sizeof(text));

    if (len < 0)
        return len == -ENAMETOOLONG ? -EINVAL : len;
    int err = memfd_open(text, flags, &current_cred()->fs, &f);
    return err ? err : fd_install_new(f, flags & MFD_CLOEXEC);
}
