#!/bin/bash
# SPDX-License-Identifier: MIT
# The image's configuration and docker's flags over it.
. "$(dirname "$0")/lib.sh"
registry || exit 1

gives "Entrypoint and Cmd" 0 "entry default words" -- "$CONFIGURED"
gives "a command replaces Cmd" 0 "entry mine" -- "$CONFIGURED" mine
gives "--entrypoint drops Cmd too" 0 "" -- --entrypoint /bin/echo "$CONFIGURED"
gives "--entrypoint and a command" 0 "a b" -- --entrypoint /bin/echo "$CONFIGURED" a b
tools/mkimage -c '{"Env":["PATH=/bin"]}' build/test/images/probe "$W/silent"
gives "an image without a command, and none given: 125" 125 "" -- "oci:$W/silent:latest"
like "which says so" "$err" '^imgtool: run image .*: no command: it has neither Entrypoint nor Cmd, and none was given$'
gives "with one given it runs" 0 "given" -- "oci:$W/silent:latest" echo given
gives "or with an entrypoint" 0 "" -- --entrypoint /bin/true "oci:$W/silent:latest"
gives "arguments arrive as they are" 0 $'entry   two  spaces\n$HOME *' -- "$CONFIGURED" '  two  spaces'$'\n''$HOME *'

sh() { gives "$1" 0 "$2" -- "${@:4}" --entrypoint /bin/sh "$CONFIGURED" -c "$3"; }
sh "Env" "blue//bin" 'echo $COLOUR/$EMPTY$PATH'
sh "-e sets and replaces" "red 1=2" 'echo $COLOUR $NEW' -e COLOUR=red -e NEW=1=2
OUTSIDE=host sh "-e NAME takes the host's" "host" 'echo $OUTSIDE' -e OUTSIDE
sh "HOME is the user's" "/home/ann" 'echo $HOME'
sh "User by name, its groups with it" "1001 2001 10 44 2001" 'echo $(id -u) $(id -g) $(id -G | tr " " "\n" | sort -n)'
sh "-u 0" "uid=0(root) gid=0(root) groups=0(root)" 'id' -u 0
sh "-u number:number" "1234 5678 5678" 'echo $(id -u) $(id -g) $(id -G)' -u 1234:5678
sh "-u name:group" "1001 10" 'echo $(id -u) $(id -g)' -u ann:wheel
gives "-u of nobody known: 125" 125 "" -- -u mallory "$CONFIGURED"
like "is named" "$err" mallory
sh "WorkingDir is made" "/srv/deep/made" 'pwd'
sh "-w" "/tmp" 'pwd' -w /tmp
sh "-w of a new folder" "/new/folder" 'pwd' -w /new/folder
sh "-w below a mount" "/dev null" 'echo $PWD $(ls null)' -w /dev
sh "what is mounted is there at the first look" "/dev /dev/mqueue /dev/pts /dev/shm /proc /sys /sys/fs/cgroup" \
    'echo $(awk "\$2 != \"/\" { print \$2 }" /proc/mounts | sort)'
gives "an entrypoint by way of /proc" 0 "x" -- --entrypoint /proc/self/root/bin/echo "$CONFIGURED" x
sh "-h" "elsewhere elsewhere elsewhere" 'echo $(hostname) $HOSTNAME $(cat /etc/hostname)' -h elsewhere
sh "/etc/hosts has localhost" "127.0.0.1" 'while read a n r; do [ "$n" != localhost ] || { echo $a; break; }; done </etc/hosts'
sh "--cpus is seen" "$CPUS" 'grep -c "^processor" /proc/cpuinfo'
sh "the date is right" "right" "n=\$(probe clock); [ \$n -ge $(($(date +%s) - 5)) ] && [ \$n -le $(($(date +%s) + 110)) ] && echo right || echo \$n"

gives "--strace decodes calls" 0 "hi" -- --strace "$PROBE" echo hi
like "on the log" "$err" 'write\(1, "hi'
like "as strace(1) prints them" "$err" 'brk\(NULL\) = 0x'
like "with names for numbers" "$err" 'arch_prctl\(ARCH_SET_FS, 0x'
gives "--append reaches the kernel" 0 "1" -- --append slipway.word=there "$PROBE" grep -c slipway.word=there /proc/cmdline
gives "the log is silent otherwise" 0 "x" -- "$PROBE" echo x
is "nothing on stderr" "$err" ""
gives "--machine q35" 0 "q" -- --machine q35 "$PROBE" echo q
gives "-m 64m" 0 "m" -- -m 64m "$PROBE" echo m
vm "$PROBE" sh -c 'echo changed >/etc/plain; cat /etc/plain; echo new >/etc/new' </dev/null
vm "$PROBE" cat /etc/plain /etc/new </dev/null
is "a machine's writes end with it" "$out" "not a program"
finish
