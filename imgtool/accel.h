/* SPDX-License-Identifier: MIT */
/*
 * The choice of QEMU's accelerator. That /dev/kvm opens proves nothing (nested and emulated ones exist that run no
 * 64-bit guest), so a guest of a few bytes is booted with it, once per start of the host and per QEMU.
 */
#ifndef SLIPWAY_IMGTOOL_ACCEL_H
#define SLIPWAY_IMGTOOL_ACCEL_H

#include "oci/oci.h"

/* "kvm" or "tcg"; $ACCEL decides when it is set ("tcg,thread=single": with settings of QEMU's).
 * cache_dir: where the answer is remembered. NULL with err: bad $ACCEL, or a kvm that runs no guest. */
const char *accel_choose(const char *cache_dir, struct oci_error *err);
/* Boots the tiny guest: 1 when it reached 64-bit mode and said so in time, 0 when not, -1 when QEMU cannot be run. */
int accel_boots(const char *accel);

#endif
