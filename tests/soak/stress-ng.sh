#!/bin/bash
# SPDX-License-Identifier: MIT
# stress-ng of the distribution: every stressor of the classes below that the distribution's Linux passes in the same machine
# (2 GiB), 5 s each, two at once, with --verify. What Linux does not pass is skipped and says so. Takes half an hour a
# kernel. STRESS="names" chooses stressors; Linux' results are kept in build/soak and made anew for a name that has none.
. "$(dirname "$0")/../images/lib.sh"
classes="cpu cpu-cache memory vm pipe scheduler filesystem os interrupt"
seconds=${STRESS_SECONDS:-5}
soak=build/soak
ours=$soak/stress-ng-$(basename "$KERNEL" .elf)-$CPUS.log
theirs=$soak/stress-ng-linux.log
LIMIT=3000
mkdir -p "$soak"

all_names() {
    # shellcheck disable=SC2016 # expanded in the machine
    vm -m 1g "$image" sh -c 'for c; do stress-ng --class "$c?"; done' sh $classes </dev/null
    sed 's/^class .* stressors: //' "$W/out" "$W/err" | tr ' ' '\n' | grep . | sort -u
}

# log FILE COMMAND NAME...: runs COMMAND with the names; when the machine ends early, again with those behind the one it was at.
log() {
    local file=$1 command=$2 last boots=0
    shift 2
    while [ $# -gt 0 ] && [ $boots -lt 30 ]; do
        boots=$((boots + 1))
        $command "$@" >"$W/log" 2>"$W/log.err" </dev/null
        tr -d '\r' <"$W/log" >>"$file"
        grep -q '^# all done' "$W/log" && return
        last=$(sed -n 's/^# begin \([^ ]*\).*/\1/p' "$W/log" | tail -n 1)
        { tail -n 15 "$W/log.err"; echo "# end ${last:-$1} died"; } >>"$file"
        while [ $# -gt 0 ] && [ "$1" != "${last:-$1}" ]; do shift; done
        [ $# -eq 0 ] || shift
    done
}
slipway() {
    timeout -k 5 $LIMIT build/imgtool run -i --kernel "$KERNEL" --cpus "$CPUS" -m 2g --append privileged \
        "$image" sh -s "$seconds" "$@" <tests/soak/stress-inside
}
linux() {
    local words
    words=$(IFS=,; echo "$seconds,$*")
    timeout -k 5 $LIMIT qemu-system-x86_64 -accel "${ACCEL:-tcg}" -M microvm,acpi=off,rtc=on -cpu max -smp 2 -m 2g -nodefaults \
        -no-user-config -nographic -no-reboot -serial stdio -kernel "$linux" -initrd $soak/image.cpio \
        -append "console=ttyS0 quiet panic=-1 rdinit=/stress-inside soak=$words"
}

# The code of stressor $2 in log $1.
code_of() { sed -n "s/^# end $2 //p" "$1" | tail -n 1; }
# What it said.
words_of() { sed -n "/^# begin $2\$/,/^# end $2 /p" "$1" | tail -n 14; }

image=$(tools/package-image tools) || { not_ok "the image"; finish; exit 1; }
linux=$(BENCH_LINUX=distro tools/linux) || { not_ok "Linux"; finish; exit 1; }
build/imgtool cpio "$image" -o $soak/image.cpio && (cd tests/soak && echo stress-inside | cpio -o -H newc --quiet) >>$soak/image.cpio || { not_ok "the archive"; finish; exit 1; }
read -ra names <<<"${STRESS:-$(all_names | xargs)}"
touch $theirs
missing=()
for name in "${names[@]}"; do [ -n "$(code_of $theirs "$name")" ] || missing+=("$name"); done
log $theirs linux "${missing[@]}"
: >"$ours"
log "$ours" slipway "${names[@]}"
for name in "${names[@]}"; do
    want=$(code_of $theirs "$name") got=$(code_of "$ours" "$name")
    if [ "$want" != 0 ]; then
        skip "$name" "code $want on Linux, $got here"
    elif [ "$got" = 0 ]; then
        ok "$name"
    else
        not_ok "$name" "code $got" "$(words_of "$ours" "$name")"
    fi
done
finish
