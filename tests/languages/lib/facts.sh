# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Facts stated inside the machine, many in one: a script sources this, says `fact NAME <<'EOF'` for each, and `facts_end`.
# A fact is a script of its own for bash -eu, in an empty folder on /tmp, and holds when that ends with 0; of one that does
# not, the traced commands are shown. (`! COMMAND` never ends such a script: `fails` does.)
FACTS=$(mktemp -d /tmp/facts.XXXXXX)
export FACTS
chmod 755 "$FACTS"
cat >"$FACTS/begin" <<'EOF'
# fails CODE COMMAND...: with that code, or any but 0 for a CODE of "-".
fails() {
    local want=$1 code=0
    shift
    "$@" || code=$?
    [ "$code" = "$want" ] || [ "$want$((code != 0))" = -1 ]
}
# within SECONDS COMMAND...: it holds, at last.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ]
        sleep 0.1
    done
}
# has PATTERN: standard input, all of it read, has a line that matches (extended regular expression).
has() {
    local - lines line found=1
    set +x
    mapfile -t lines
    for line in "${lines[@]}"; do [[ ! $line =~ $1 ]] || found=0; done
    [ $found = 0 ] || { printf '%s\n' "${lines[@]}" && return 1; }
}
exec {BASH_XTRACEFD}>&2
set -eux -o pipefail
EOF
# Programs that close every descriptor they could have (cron, apt) are not kept waiting by a million.
ulimit -S -n 1024
facts=0
# fact [-l] NAME: -l for one that takes long and says little more: with FULL only (make test-full).
fact() {
    if [ "$1" = -l ]; then
        shift
        [ -n "${FULL:-}" ] || return 0
    fi
    facts=$((facts + 1))
    local folder=$FACTS/$facts code start=${EPOCHREALTIME/./}
    mkdir "$folder"
    cat "$FACTS/begin" - >"$folder.sh"
    (cd "$folder" && exec timeout -k 5 300 bash "$folder.sh") </dev/null >"$folder.log" 2>&1
    code=$?
    if [ $code = 0 ]; then echo "ok $facts - $1 ($(((${EPOCHREALTIME/./} - start) / 1000)) ms)"; else
        echo "not ok $facts - $1"
        { echo "code $code"; tail -n 25 "$folder.log"; } | cut -c 1-400 | sed 's/^/#   /'
    fi
}
facts_end() {
    cd / && rm -rf "$FACTS"
    echo "# done"
}
