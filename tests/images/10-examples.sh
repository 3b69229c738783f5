#!/bin/bash
# SPDX-License-Identifier: MIT
# The examples, from their Dockerfiles through a registry: output and code.
. "$(dirname "$0")/lib.sh"
registry || exit 1

example() {
    local name=$1
    shift
    timeout -k 5 $LIMIT build/imgtool run --kernel "$KERNEL" --cpus "$CPUS" --tls-verify=false "$@" >"$W/$name.out" 2>"$W/$name.err"
    is "$name: the exit code" $? "$(cat "examples/$name/expected.code")"
    check "$name: the output" diff "$W/$name.out" "examples/$name/expected.txt"
}
example helloworld "docker://$REGISTRY/examples/helloworld:latest" </dev/null
is "helloworld: nothing on stderr" "$(cat "$W/helloworld.err")" ""
example busybox -i "docker://$REGISTRY/examples/busybox:latest" <examples/busybox/commands.sh
is "busybox: nothing on stderr" "$(cat "$W/busybox.err")" ""
example debian-bash -i "$REGISTRY/examples/debian-bash" <examples/debian-bash/commands.sh
like "debian-bash: job control speaks on stderr" "$(cat "$W/debian-bash.err")" '\[1\]-  Terminated  *sleep 100'
example python "$REGISTRY/examples/python" </dev/null
is "python: nothing on stderr" "$(cat "$W/python.err")" ""
finish
