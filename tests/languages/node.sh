#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's nodejs: V8's compilers and collector, worker threads, child processes, the thread pool of libuv.
. "$(dirname "$0")/lib.sh"
image node

program node "${MACHINE[@]}" node node.js
finish
