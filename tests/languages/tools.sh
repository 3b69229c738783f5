#!/bin/bash
# SPDX-License-Identifier: MIT
# coreutils, findutils, grep, sed, gawk, tar, cpio, diffutils, util-linux and procps: what each asks of a kernel.
. "$(dirname "$0")/lib.sh"
image tools
FLAGS=(--append privileged) # it mounts, and sets priorities

facts programs bash programs.sh
finish
