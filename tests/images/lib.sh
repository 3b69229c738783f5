# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the image tests share. A test sources this, states facts (TAP), and ends with `finish`.
# KERNEL and CPUS say which machine; images come from a registry on loopback that lives until `make test` ends.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
KERNEL=${KERNEL:-build/kernel.elf}
CPUS=${CPUS:-1}
W=build/test/images/$(basename "$0" .sh)-$(basename "$KERNEL" .elf)-$CPUS
rm -rf "$W"
mkdir -p "$W"
export XDG_CACHE_HOME=$PWD/build/test/images/cache
mkdir -p "$XDG_CACHE_HOME"
# Seconds after which a machine counts as stuck: nothing here takes that long.
LIMIT=120

registry() { REGISTRY=$(tools/registry start) && tools/base-images "$REGISTRY" >&2 && probe_image >&2; }

# A busybox image with the probe in it, and one with a config of its own.
probe_image() {
    local root=build/test/images/probe
    PROBE=docker://$REGISTRY/test/probe:latest
    CONFIGURED=docker://$REGISTRY/test/configured:latest
    [ "build/registry/stamps/probe" -nt tests/images/probe.c ] && [ build/registry/stamps/probe -nt tests/images/lib.sh ] && return
    rm -rf $root
    mkdir -p $root/{bin,dev,etc,home/ann,proc,sys,tmp,srv/deep}
    chmod 1777 $root/tmp
    gcc -O1 -static -o $root/bin/probe tests/images/probe.c || return
    cp "$(command -v busybox)" $root/bin/busybox
    for applet in cat dd echo env head id kill ls mkdir ps pwd sh sleep stty tr true tty sort wc yes hostname sha256sum grep readlink; do
        ln -s busybox $root/bin/$applet
    done
    printf '%s\n' 'root:x:0:0:root:/root:/bin/sh' 'ann:x:1001:2001:Ann:/home/ann:/bin/sh' >$root/etc/passwd
    printf '%s\n' 'root:x:0:' 'ann:x:2001:' 'wheel:x:10:ann,bob' 'video:x:44:ann' >$root/etc/group
    echo 'not a program' >$root/etc/plain
    printf '#!/bin/sh\necho script "$0" "$@"\n' >$root/bin/script
    printf '#!/bin/nosuch\n' >$root/bin/orphan
    chmod 755 $root/bin/script $root/bin/orphan
    gcc -x c -o $root/bin/dynamic - <<<'int main(void) { return 0; }' || return
    tools/mkimage -z -c '{"Cmd":["/bin/sh"],"Env":["PATH=/bin"]}' $root $root-image &&
        tools/mkimage -c '{"Entrypoint":["/bin/echo","entry"],"Cmd":["default","words"],"Env":["PATH=/bin","COLOUR=blue","EMPTY="],
            "User":"ann","WorkingDir":"/srv/deep/made","StopSignal":"SIGUSR1","Hostname":"ignored"}' $root $root-configured &&
        skopeo copy -q --insecure-policy --dest-tls-verify=false oci:$root-image:latest "$PROBE" &&
        skopeo copy -q --insecure-policy --dest-tls-verify=false oci:$root-configured:latest "$CONFIGURED" &&
        touch build/registry/stamps/probe
}

# ---- facts -----------------------------------------------------------------------------------------------------------

count=0 bad=0
ok() { count=$((count + 1)); echo "ok $count - $1"; }
not_ok() {
    count=$((count + 1)) bad=$((bad + 1))
    echo "not ok $count - $1"
    shift
    printf '%s\n' "$@" | sed 's/^/#   /'
}
# check NAME COMMAND...: it succeeds.
check() {
    local name=$1
    shift
    if "$@" >"$W/check" 2>&1; then ok "$name"; else not_ok "$name" "$*" "$(head -n 20 "$W/check")"; fi
}
# is NAME GOT WANTED
is() {
    if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got:    $(head -c 1500 <<<"$2")" "wanted: $(head -c 1500 <<<"$3")"; fi
}
# like NAME GOT PATTERN (extended regular expression)
like() {
    if grep -qE -- "$3" <<<"$2"; then ok "$1"; else not_ok "$1" "got:    $(head -c 1500 <<<"$2")" "wanted: /$3/"; fi
}
skip() { count=$((count + 1)); echo "ok $count - $1 # SKIP $2"; }
finish() {
    echo "1..$count"
    [ $bad = 0 ]
}

# ---- machines --------------------------------------------------------------------------------------------------------

# vm FLAGS REF COMMAND: runs to the end. Afterwards: $code, $out, $err (trailing newlines gone), files $W/out, $W/err.
vm() {
    timeout -k 5 $LIMIT build/imgtool run --kernel "$KERNEL" --cpus "$CPUS" --tls-verify=false "$@" >"$W/out" 2>"$W/err"
    code=$?
    out=$(tr -d '\0' <"$W/out" | head -c 100000)
    err=$(tr -d '\0' <"$W/err" | head -c 100000)
}
# gives NAME CODE OUTPUT -- vm's arguments: both must be so.
gives() {
    local name=$1 want_code=$2 want_out=$3
    shift 4
    vm "$@" </dev/null
    if [ "$code" = "$want_code" ] && [ "$out" = "$want_out" ]; then
        ok "$name"
    else
        not_ok "$name" "code $code, wanted $want_code" "out: $out" "wanted: $want_out" "err: $(tail -n 15 <<<"$err")"
    fi
}
# vm_start: as vm, in the background; $pid is imgtool's own. vm_end waits for it.
vm_start() {
    : >"$W/out"
    build/imgtool run --kernel "$KERNEL" --cpus "$CPUS" --tls-verify=false --timeout $LIMIT "$@" >"$W/out" 2>"$W/err" </dev/null &
    pid=$!
}
vm_end() {
    wait "$pid"
    code=$?
    out=$(cat "$W/out")
    err=$(cat "$W/err")
}
# Until file $1 has a line that matches $2; $3 seconds at most (default 60).
await() {
    local end=$((SECONDS + ${3:-60}))
    until grep -qE -- "$2" "$1" 2>/dev/null; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.1
    done
}
