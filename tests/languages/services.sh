#!/bin/bash
# SPDX-License-Identifier: MIT
# A machine with services: runit is PID 1 and supervises; cron, rsync, inotifywait, sudo, su, setpriv, capsh and file
# capabilities; and busybox with applets of its own.
. "$(dirname "$0")/lib.sh"
image tools

facts programs bash pid1.sh
finish
