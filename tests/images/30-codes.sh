#!/bin/bash
# SPDX-License-Identifier: MIT
# The exit code is the container's, as with `docker run`.
. "$(dirname "$0")/lib.sh"
registry || exit 1

for n in 0 1 7 200 255; do gives "exit $n" $n "" -- "$PROBE" probe exit $n; done
gives "a code is taken modulo 256" 1 "" -- "$PROBE" probe exit 257
gives "killed by SIGSEGV: 139" 139 "" -- "$PROBE" probe segv
gives "PID 1 does not die of its own SIGTERM" 3 "alive" -- "$PROBE" sh -c 'kill -TERM $$; kill -KILL $$; echo alive; exit 3'
gives "the shell tells a child's death" 137 "" -- "$PROBE" sh -c 'sh -c "kill -9 \$\$"; exit $?'
gives "deaths inside are signals" 0 "$(printf 'ud2: signal 4\nabort: signal 6')" -- "$PROBE" probe deaths
gives "not executable: 126" 126 "" -- "$PROBE" /etc/plain
like "and is named" "$err" '/etc/plain'
gives "a directory: 126" 126 "" -- "$PROBE" /etc
gives "not found: 127" 127 "" -- "$PROBE" /no/such
like "and is named" "$err" '/no/such'
gives "no interpreter: 127" 127 "" -- "$PROBE" /bin/dynamic
like "which is named" "$err" '/bin/dynamic.*interpreter /lib64/ld-linux-x86-64.so.2 is not in the image'
gives "nor a script's: 127" 127 "" -- "$PROBE" /bin/orphan
like "which is named" "$err" '/bin/orphan.*interpreter /bin/nosuch is not in the image'
gives "not in the PATH: 127" 127 "" -- "$PROBE" nosuch
gives "a script" 0 "script /bin/script a b" -- "$PROBE" script a b
gives "out of memory: a process whose leader has ended is not overlooked" 0 "signal 9" -- -m 96m "$PROBE" probe oom
gives "processes left behind end with PID 1" 5 "" -- "$PROBE" sh -c 'sleep 1000 & sleep 1000 & exit 5'

start=$SECONDS
gives "--timeout: 124" 124 "begun" -- --timeout 5 "$PROBE" sh -c 'echo begun; exec sleep 1000'
check "in time" test $((SECONDS - start)) -lt 30

gives "a panic: 125" 125 "" -- "$PROBE" sh -c 'echo c >/proc/sysrq-trigger; sleep 10'
like "its first line is shown" "$err" '[Pp]anic'
gives "an unknown image: 125" 125 "" -- "docker://$REGISTRY/no/such:latest"
is "in one line" "$(wc -l <"$W/err")" 1
like "that names tool and image" "$err" '^imgtool: .*no/such'
gives "an unknown flag: 125" 125 "" -- --no-such-flag "$PROBE"
gives "a machine too small: 125" 125 "" -- -m 1m "$PROBE" true
like "says so" "$err" '^imgtool: .*[Mm]emory|^imgtool: .*-m'
gives "no kernel: 125" 125 "" -- --kernel "$W/none" "$PROBE" true
PATH=$W build/imgtool run "$PROBE" >"$W/out" 2>"$W/err" </dev/null
is "no tools: 125" $? 125
finish
