#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's ruby: threads and the timer thread behind them, fork, Process.spawn, ractors, fibers, sockets of AF_UNIX.
. "$(dirname "$0")/lib.sh"
image scripting

program threads ruby threads.rb
program processes ruby processes.rb
program sockets ruby sockets.rb
program objects ruby objects.rb
finish
