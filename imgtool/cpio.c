// SPDX-License-Identifier: MIT
/* imgtool cpio: the archive alone, as a boot loader's initrd or for other tools. */
#include "imgtool/commands.h"
#include "imgtool/compose.h"
#include "imgtool/output.h"
#include "imgtool/progress.h"
#include "oci/error.h"

#include <unistd.h>

static int write_archive(const struct options *o, struct composition *c, struct oci_error *err)
{
    struct progress_total total = {"writing", archive_size(c->archive)};
    struct archive_error error = {""};
    struct output out;
    int result = output_open(&out, o->output ? o->output : "-", err);

    if (result == 0 && archive_write(c->archive, out.fd, progress_bytes, &total, &error) < 0)
        result = fail_archive(err, &error);
    if (result == 0)
        result = output_commit(&out, 0644, err);
    output_close(&out);
    return result;
}

static int cpio(const struct command *self, const struct options *o, struct oci_error *err)
{
    struct composition c;
    int result;

    (void)self;
    if (!o->output && isatty(STDOUT_FILENO))
        return oci_fail(err, "write", "the archive", "standard output is a terminal; give -o FILE");
    result = compose(o, false, &c, err);
    if (result == 0) {
        if (c.container->warning)
            fprintf(stderr, "imgtool: warning: %s\n", c.container->warning);
        result = write_archive(o, &c, err);
    }
    progress_clear();
    composition_free(&c);
    return result;
}

static const struct option_row own[] = {
    {'o', "output", OPTION_STRING, offsetof(struct options, output), "FILE", "where to (default: standard output)"},
    {0},
};
static const struct option_row *const tables[] = {own, options_container, options_source, options_common, NULL};

const struct command command_cpio = {
    .name = "cpio",
    .operands = "REF [-- COMMAND [ARG...]]",
    .summary = "write an image's files as a cpio archive",
    .tables = tables,
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .with_limits = true,
    .run = cpio,
};
