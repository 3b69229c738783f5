/* SPDX-License-Identifier: MIT */
/* ioctl(2) numbers that are not a terminal's. */
#ifndef ABI_IOCTL_H
#define ABI_IOCTL_H

#include <asm/ioctls.h>
#include <linux/fs.h>
#include <linux/ioctl.h>
#include <linux/sockios.h>

_Static_assert(FIONREAD == 0x541B && FIOCLEX == 0x5451, "ioctls");

#endif
