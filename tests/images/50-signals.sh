#!/bin/bash
# SPDX-License-Identifier: MIT
# Signals to imgtool, the stop, and --init.
. "$(dirname "$0")/lib.sh"
registry || exit 1

vm_start "$PROBE" probe signals
check "the program is ready" await "$W/out" ready
for name in HUP INT QUIT USR1 USR2; do
    kill -$name $pid
    check "SIG$name is forwarded as it is" await "$W/out" "got $name" 20
done
kill -TERM $pid
vm_end
is "SIGTERM starts the stop: the program ends itself" $code 42
like "with SIGTERM as it saw" "$out" 'got TERM'

vm_start --stop-signal USR2 "$PROBE" probe signals 12
await "$W/out" ready
kill -TERM $pid
vm_end
is "--stop-signal" "$code $(tail -n 1 <<<"$out")" "42 got USR2"
vm_start --entrypoint /bin/probe "$CONFIGURED" signals 10
await "$W/out" ready
kill -TERM $pid
vm_end
is "the image's StopSignal" "$code $(tail -n 1 <<<"$out")" "42 got USR1"

vm_start --stop-timeout 2 "$PROBE" sh -c 'echo up; exec sleep 1000'
await "$W/out" up
start=$SECONDS
kill -TERM $pid
vm_end
is "PID 1 without a handler dies by the kill after the grace period" $code 137
check "not before it" test $((SECONDS - start)) -ge 1
check "and soon after" test $((SECONDS - start)) -le 15

vm_start --init --stop-timeout 60 "$PROBE" sh -c 'echo up; exec sleep 1000'
await "$W/out" up
kill -TERM $pid
vm_end
is "--init: SIGTERM reaches the child, which dies of it" $code 143
gives "--init: the entrypoint is PID 2" 7 "2 1" -- --init "$PROBE" sh -c 'echo $$ $PPID; exit 7'
gives "--init reaps orphans" 0 "$(printf 'parent 1\nreaped')" -- --init "$PROBE" probe orphan
gives "--init: a child killed by a signal" 139 "" -- --init "$PROBE" probe segv

vm_start "$PROBE" sh -c 'echo up; exec sleep 1000'
await "$W/out" up
kill -KILL $pid
wait $pid
sleep 1
# shellcheck disable=SC2009 # by the whole command line
is "imgtool killed: no machine is left behind" "$(ps ax -o args | grep -c "[q]emu-system.*$W")" 0
finish
