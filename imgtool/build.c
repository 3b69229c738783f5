// SPDX-License-Identifier: MIT
/* imgtool build: one ELF file that boots, from an image and the kernel. */
#include "imgtool/commands.h"
#include "imgtool/compose.h"
#include "imgtool/elf.h"
#include "imgtool/output.h"
#include "imgtool/progress.h"
#include "oci/error.h"

static int write_vm(const struct options *o, const struct kernel_image *kernel, struct composition *c,
                    struct oci_error *err)
{
    struct progress_total total = {"linking", archive_size(c->archive)};
    struct output out;
    int result = output_open(&out, o->output, err);

    if (result == 0 && !out.temporary)
        result = oci_fail(err, "write", o->output, "a virtual machine can only be written to a regular file");
    if (result == 0)
        result = vm_write(kernel, c->archive, out.fd, progress_bytes, &total, err);
    if (result == 0)
        result = output_commit(&out, 0755, err);
    output_close(&out);
    return result;
}

static int build(const struct command *self, const struct options *o, struct oci_error *err)
{
    struct kernel_image kernel;
    struct composition c = {0};
    int result;

    (void)self;
    if (!o->output)
        return oci_fail(err, "build", o->operands[0], "give the output with -o FILE");
    result = kernel_load(o->kernel, &kernel, err);
    if (result == 0)
        result = compose(o, true, &c, err);
    if (result == 0) {
        if (c.container->warning)
            fprintf(stderr, "imgtool: warning: %s\n", c.container->warning);
        result = write_vm(o, &kernel, &c, err);
    }
    progress_clear();
    composition_free(&c);
    kernel_free(&kernel);
    return result;
}

static const struct option_row own[] = {
    {'o', "output", OPTION_STRING, offsetof(struct options, output), "FILE", "the virtual machine's file"},
    {0, "kernel", OPTION_STRING, offsetof(struct options, kernel), "FILE", "kernel (default: the one installed)"},
    {0},
};
static const struct option_row *const tables[] = {own, options_container, options_source, options_common, NULL};

const struct command command_build = {
    .name = "build",
    .operands = "REF -o FILE [-- COMMAND [ARG...]]",
    .summary = "link an image and the kernel into one bootable ELF file",
    .tables = tables,
    .min_operands = 1,
    .max_operands = SIZE_MAX,
    .with_limits = true,
    .run = build,
};
