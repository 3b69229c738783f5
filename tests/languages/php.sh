#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's php on the command line: pcntl, proc_open, sockets, shared memory, sqlite, the opcode cache with its compiler.
. "$(dirname "$0")/lib.sh"
image scripting

program processes php processes.php
program data php data.php
program compiled php -d opcache.enable_cli=1 -d opcache.jit_buffer_size=32M -d opcache.jit=tracing compiled.php
finish
