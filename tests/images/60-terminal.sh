#!/bin/bash
# SPDX-License-Identifier: MIT
# -t: one terminal, raw on the host's side, with its size; the line discipline is the machine's.
. "$(dirname "$0")/lib.sh"
registry || exit 1

# In a pseudo-terminal of its own (script): what is typed comes through a FIFO, its name is in $W/tty.
terminal() {
    rm -f "$W/keys" "$W/tty" "$W/done"
    mkfifo "$W/keys"
    : >"$W/screen"
    printf '#!/bin/sh\ntty >%q\nstty rows 33 cols 101\n' "$W/tty" >"$W/session"
    printf '%q ' build/imgtool run --kernel "$KERNEL" --cpus "$CPUS" --tls-verify=false --timeout 100 "$@" >>"$W/session"
    printf '\necho $? >%q\n' "$W/done" >>"$W/session"
    SHELL=/bin/sh timeout 130 script -qfc "sh $W/session" "$W/screen" <"$W/keys" >/dev/null 2>&1 &
    pid=$!
    exec 6>"$W/keys"
}
keys() { printf "$1" >&6; }
end() {
    await "$W/done" . 60
    exec 6>&-
    wait $pid
    code=$(cat "$W/done" 2>/dev/null)
    screen=$(tr -d '\r' <"$W/screen")
}

terminal -it "$PROBE" probe winsize 120
check "the size is the host's" await "$W/screen" 'size 33 101'
like "all three are the terminal" "$(cat "$W/screen")" 'ttys 111'
# stty tells rows and columns one after the other.
stty -F "$(cat "$W/tty")" rows 44 cols 120
check "the size follows" await "$W/screen" 'size 44 120' 60
end
is "the exit code" "$code" 0

terminal -it "$PROBE" sh
check "a prompt" await "$W/screen" '[#$] ' 60
keys 'echo "x$((6*7))y"\r'
check "what is typed is run" await "$W/screen" '^x42y' 60
keys 'cat\r'
sleep 1
keys 'typo\177\177\177\177line\r'
check "erase edits the line" await "$W/screen" '^line' 60
keys '\004'
keys 'echo "now$((1))"; sleep 1000\r'
check "a program is begun" await "$W/screen" '^now1' 60
sleep 1
keys '\003'
keys 'echo "code $?"\r'
check "^C interrupts the foreground" await "$W/screen" '^code 130' 60
keys 'echo "now$((2))"; sleep 1000\r'
check "and another" await "$W/screen" '^now2' 60
sleep 1
keys '\032'
keys 'jobs; kill %%1; fg; echo "after $?"\r'
check "^Z stops it" await "$W/screen" 'Stopped' 60
keys 'stty -a | grep -o "rows [0-9]*; columns [0-9]*"\r'
check "stty knows the size" await "$W/screen" 'rows 33; columns 101' 60
keys 'exit 9\r'
end
is "the shell's exit code" "$code" 9

terminal -t "$PROBE" sh -c 'echo to stderr >&2; printf "a\nb\n"'
end
check "newlines are CR LF on a terminal" grep -qE $'^b\r+$' "$W/screen"
like "stderr is the terminal too" "$screen" 'to stderr'
terminal -t "$PROBE" probe session
end
like "a session leader's end is told to the foreground" "$screen" '^hup 1 cont 0, /dev/tty: No such device or address'
like "the terminal stays" "$screen" '^the terminal is still there'
vm -it "$PROBE" true </dev/null
is "-it without a terminal: 125" $code 125
finish
