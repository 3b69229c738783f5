#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's strace and gdb on shells and on a program compiled here: what the first prints of system calls and signals, what
# the second finds of frames, variables, watchpoints, threads, children, a crash, a process that runs.
. "$(dirname "$0")/lib.sh"
LIMIT=600 # gdb reads symbols for a while on an emulated processor
image terminal
built debuggers/victim.c victim gcc -g -O0 -pthread

program strace sh strace.sh
program gdb sh gdb.sh
finish
