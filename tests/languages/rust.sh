#!/bin/bash
# SPDX-License-Identifier: MIT
# A Rust program, compiled here with the distribution's rustc: threads, locks, channels, processes. Once with glibc's
# dynamic linker, and once static and position independent.
. "$(dirname "$0")/lib.sh"
image scripting
built rust/main.rs main /usr/bin/rustc --edition 2021 -O
built rust/main.rs static /usr/bin/rustc --edition 2021 -C target-feature=+crt-static

program main "${MACHINE[@]}" ./main
program static "${MACHINE[@]}" ./static
finish
