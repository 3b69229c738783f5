#!/bin/bash
# SPDX-License-Identifier: MIT
# trinity of the distribution: random system calls with arguments that look right, by an ordinary user, in four processes, for
# ten minutes (TRINITY_SECONDS). The kernel must not panic, and the machine must work afterwards: what trinity left behind can
# be killed, and files, processes and memory are there. Without trinity's own findings: it compares nothing.
# TRINITY_SEED repeats a run, as far as two CPUs do.
. "$(dirname "$0")/../images/lib.sh"
seconds=${TRINITY_SECONDS:-600}
seed=${TRINITY_SEED:-$RANDOM}
LIMIT=$((seconds * 3 + 300))

image=$(tools/package-image fuzzer) || { not_ok "the image"; finish; exit 1; }
vm -i -m 1g --append privileged "$image" bash -s "$seconds" "$seed" <tests/soak/trinity-inside
grep '^# ' "$W/out"
if grep -q 'PANIC\|slipway: panic' "$W/err"; then
    not_ok "no panic (seed $seed)" "$(tail -n 60 "$W/err")"
else
    ok "no panic (seed $seed)"
fi
for fact in 'calls were made' 'what trinity left is gone' 'processes' 'files' 'memory'; do
    if grep -qxF "good: $fact" "$W/out"; then
        ok "$fact"
    else
        not_ok "$fact (seed $seed)" "code $code" "$(tail -n 20 "$W/out")" "$(tail -n 20 "$W/err")"
    fi
done
finish
