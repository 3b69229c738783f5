#!/bin/bash
# SPDX-License-Identifier: MIT
# xz and zstd with two threads: compress, decompress, compare; checks of damaged files; streams.
. "$(dirname "$0")/lib.sh"
image scripting

program xz sh xz.sh
program zstd sh zstd.sh
finish
