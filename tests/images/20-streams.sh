#!/bin/bash
# SPDX-License-Identifier: MIT
# stdin, stdout and stderr are three streams; none loses, repeats or mixes a byte, whatever the reader does.
. "$(dirname "$0")/lib.sh"
registry || exit 1

vm "$PROBE" sh -c 'echo one; echo two >&2; echo three' </dev/null
is "stdout is stdout" "$out" "$(printf 'one\nthree')"
is "stderr is stderr" "$err" two
vm "$PROBE" sh -c 'printf "no newline"' </dev/null
is "the last line may lack its newline" "$(cat "$W/out")" "no newline"
gives "without -i stdin is at its end" 0 0 -- "$PROBE" sh -c 'cat | wc -c'
gives "three streams and no terminal" 1 "not a tty" -- "$PROBE" tty
vm -i "$PROBE" cat <<<'a line'
is "-i: a line goes in and comes out" "$out" "a line"
vm -i "$PROBE" sh -c 'read a; echo "first $a"; cat | wc -l' < <(seq 1000)
is "-i: the rest stays for the next reader" "$out" "$(printf 'first 1\n999')"

# All byte values, and more than any queue holds.
head -c 104857600 /dev/urandom >"$W/data"
build/imgtool run --kernel "$KERNEL" --cpus "$CPUS" --tls-verify=false -m 256m --timeout 300 -i "$PROBE" cat \
    <"$W/data" 2>"$W/err" | sha256sum >"$W/sum"
is "100 MB through cat, unharmed" "$(cat "$W/sum" "$W/err")" "$(sha256sum <"$W/data")"
build/imgtool run --kernel "$KERNEL" --cpus "$CPUS" --tls-verify=false -m 256m --timeout 300 -i "$PROBE" sha256sum \
    <"$W/data" >"$W/sum" 2>"$W/err"
is "100 MB into the machine" "$(cat "$W/sum" "$W/err")" "$(sha256sum <"$W/data")"
rm "$W/data"
# `yes` in pieces of odd length: 100 MB out.
build/imgtool run --kernel "$KERNEL" --cpus "$CPUS" --tls-verify=false -m 256m --timeout 300 "$PROBE" \
    sh -c 'yes 0123456789abcde | head -c 104857601' </dev/null 2>"$W/err" | sha256sum >"$W/sum"
is "100 MB out of the machine" "$(cat "$W/sum" "$W/err")" "$(yes 0123456789abcde | head -c 104857601 | sha256sum)"

# A reader that stalls: the writer waits, nothing is dropped, and the other stream goes on.
mkfifo "$W/slow"
build/imgtool run --kernel "$KERNEL" --cpus "$CPUS" --tls-verify=false --timeout 100 "$PROBE" \
    sh -c 'echo before >&2; probe fill 20000000; echo after >&2' >"$W/slow" 2>"$W/err" </dev/null &
pid=$!
exec 5<"$W/slow"
check "a stalled reader of stdout does not hold up stderr" await "$W/err" before 60
sleep 3
is "the writer waits for the reader" "$(grep -c after "$W/err")" 0
sha256sum <&5 >"$W/sum"
exec 5<&-
wait $pid
is "then it ends well" $? 0
is "and nothing was dropped" "$(cat "$W/sum")" "$(build/test/images/probe/bin/probe fill 20000000 | sha256sum)"
is "stderr told its end" "$(cat "$W/err")" "$(printf 'before\nafter')"

# A reader that goes away.
start=$SECONDS
timeout 60 build/imgtool run --kernel "$KERNEL" --cpus "$CPUS" --tls-verify=false "$PROBE" yes 2>"$W/err" </dev/null | head -n 1 >"$W/out"
is "a reader that leaves had its line" "$(cat "$W/out")" y
check "and the machine ends" test $((SECONDS - start)) -lt 55
finish
