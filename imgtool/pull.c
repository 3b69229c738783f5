// SPDX-License-Identifier: MIT
/* imgtool pull: an image into the cache, asked for anew, verified and unpacked; prints its digest. */
#include "imgtool/commands.h"
#include "imgtool/progress.h"

#include <stdio.h>

static int pull(const struct command *self, const struct options *o, struct oci_error *err)
{
    struct oci_options oci = o->oci;
    struct oci_image *image = NULL;
    int result;

    (void)self;
    oci.refresh = !oci.offline;
    result = oci_pull(&oci, o->operands[0], &image, err);
    if (result == 0)
        result = oci_unpack(image, &oci, err);
    progress_clear();
    if (result == 0)
        printf("%s\n", image->digest);
    oci_image_free(image);
    return result;
}

static const struct option_row *const tables[] = {options_source, options_common, NULL};

const struct command command_pull = {
    .name = "pull",
    .operands = "REF",
    .summary = "bring an image into the cache",
    .tables = tables,
    .min_operands = 1,
    .max_operands = 1,
    .with_limits = true,
    .run = pull,
};
