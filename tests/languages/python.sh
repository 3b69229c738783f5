#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's python3: threads, subprocess, multiprocessing by fork and by spawn, asyncio, sqlite3, mmap, ssl.
. "$(dirname "$0")/lib.sh"
image scripting

program threads python3 threads.py
program processes python3 processes.py
program multi-fork python3 multi.py fork
program multi-spawn python3 multi.py spawn
program loop python3 loop.py
program database python3 database.py
program mapping python3 mapping.py
program tls python3 tls.py
finish
