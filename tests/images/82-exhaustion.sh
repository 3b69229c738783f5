#!/bin/bash
# SPDX-License-Identifier: MIT
# What is used up comes to an end without taking the machine with it, and what has ended leaves nothing behind.
# Ten thousand of each kind; FULL=1 (make test-full): a hundred thousand, and ten thousand on the checked kernel.
. "$(dirname "$0")/lib.sh"
LIMIT=${FULL:+3}600
root=$W/root
mkdir -p "$root"/{bin,dev,proc,sys,tmp}
gcc -std=gnu17 -Wall -Wextra -O1 -static -pthread -o "$root/bin/exhaust" tests/images/exhaust.c || exit 1
tools/mkimage -k -c '{"Entrypoint":["/bin/exhaust"]}' "$root" "$W/image" || exit 1

checked=
[[ $KERNEL != *debug* ]] || checked=1
# exhaust NAME MEMORY ARGUMENT...: each line of the program is a fact.
exhaust() {
    local name=$1 memory=$2 line
    shift 2
    vm --append privileged -m "$memory" "oci:$W/image:latest" "$@" </dev/null
    while read -r line; do
        case $line in
            'ok '*) ok "$name: ${line#ok }" ;;
            'bad '*) not_ok "$name: ${line#bad }" "$(grep '^#' <<<"$out")" ;;
            '#'*) echo "$line" ;;
        esac
    done <<<"$out"
    is "$name: the machine lives" "$code $(tail -n 1 <<<"$out")" "0 the end"
    [ "$code" = 0 ] || echo "# $(tail -n 20 <<<"$err" | sed 's/^/# /')"
}
exhaust memory 128m memory
exhaust stubborn 128m stubborn
exhaust numbers 256m numbers
exhaust files 256m files
exhaust bomb 256m bomb
exhaust disk 256m disk
exhaust threads 500m threads $((checked ? 3000 : 10000))
n=10000
[ -z "${FULL:-}" ] || [ "$checked" ] || n=100000
if [ "${FULL:-}" ] || [ ! "$checked" ]; then
    exhaust leaks 256m leaks fork,thread,map,pipe,socket,file $n
    exhaust leaks 256m leaks exec $n
fi
finish
