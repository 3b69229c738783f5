#!/bin/bash
# SPDX-License-Identifier: MIT
# The sqlite3 command: rollback journal and WAL, two processes on one file, recovery after a kill, backup, mmap.
. "$(dirname "$0")/lib.sh"
image scripting

program one sh one.sh
program two sh two.sh
finish
