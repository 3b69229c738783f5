/* SPDX-License-Identifier: MIT */
/* Built VMs in the cache: an image is linked with a kernel once, however often it runs. */
#ifndef SLIPWAY_IMGTOOL_VMCACHE_H
#define SLIPWAY_IMGTOOL_VMCACHE_H

#include "imgtool/elf.h"
#include "imgtool/options.h"

/* Opens the VM of image and kernel, building it when the cache lacks it. o's overrides are not built in. */
int vmcache_open(const struct options *o, struct oci_image *image, const struct kernel_image *kernel,
                 struct vm_file *vm, struct oci_error *err);

#endif
