#!/bin/bash
# SPDX-License-Identifier: MIT
# `make run`'s own image, built on the spot: for `make test-quick`.
. "$(dirname "$0")/lib.sh"
timeout $LIMIT tools/run '' --cpus "$CPUS" >"$W/out" 2>"$W/err" </dev/null
is "helloworld: the exit code" $? "$(cat examples/helloworld/expected.code)"
check "helloworld: the output" cmp "$W/out" examples/helloworld/expected.txt
is "helloworld: nothing on stderr" "$(cat "$W/err")" ""
finish
