// SPDX-License-Identifier: MIT
/* The smallest image worth booting: a static program from scratch. */
#include <stdio.h>

int main(void)
{
    puts("Hello from PID 1!\n\n"
         "This image holds one static program and no distribution. imgtool read the image, linked its\n"
         "files to Slipway's kernel, and QEMU booted the result: you see the entrypoint's output.");
    return 0;
}
