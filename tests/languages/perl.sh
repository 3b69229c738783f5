#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's perl: fork, exec, pipes, signals, interpreter threads, sockets of AF_UNIX, System V IPC, files.
. "$(dirname "$0")/lib.sh"
image scripting

program processes perl processes.pl
program threads perl threads.pl
program sockets perl sockets.pl
program files perl files.pl
finish
