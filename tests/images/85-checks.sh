#!/bin/bash
# SPDX-License-Identifier: MIT
# The checked build's checks end the machine, and say why: each fault is committed on purpose (/proc/slipway-faults).
. "$(dirname "$0")/lib.sh"
registry || exit 1

if [[ $KERNEL != *debug* ]]; then
    gives "the release kernel has no /proc/slipway-faults" 0 absent -- "$PROBE" sh -c '[ -e /proc/slipway-faults ] || echo absent'
    finish
    exit
fi

# fault NAME MESSAGE [MORE]: the panic's words; MORE is said before it.
fault() {
    vm "$PROBE" sh -c "echo $1 >/proc/slipway-faults; sleep 10" </dev/null
    is "$1 ends the machine" $code 125
    like "$1 is told" "$err" "Kernel panic: $2"
    [ -z "${3:-}" ] || like "$1: of what memory" "$err" "$3"
    faults=$faults${faults:+$'\n'}$1
}
faults=
object='  40 bytes into the object 0xffff[0-9a-f]{12} of'
fault heap-overflow 'kasan: heap overflow: (read|write) of 1 bytes at 0x[0-9a-f]+ in touch\+' "$object 48 bytes, kmalloc-48"
like "with the allocation's trace" "$err" '    heap_overflow\+0x'
fault heap-underflow 'kasan: heap overflow: ' '  -1 bytes into the object 0xffff[0-9a-f]{12} of 48 bytes, kmalloc-48'
fault large-overflow 'kasan: heap overflow: '
fault object-overflow 'kasan: heap overflow: ' "$object 40 bytes, faults"
fault copy-overflow 'kasan: heap overflow: write of 41 bytes' "$object 48 bytes, kmalloc-48"
fault use-after-free 'kasan: use after free: ' '  freed on CPU [0-9]+ by:'
like "with the free's trace" "$err" '    use_after_free\+0x'
fault page-after-free 'kasan: use of a free page: '
fault double-free 'kasan: double free: ' '  freed on CPU [0-9]+ by:'
fault stack-overflow 'kasan: stack overflow: '
fault use-after-scope 'kasan: use after scope: '
fault global-overflow 'kasan: global variable overflow: '
fault recursion 'kernel stack overflow '
fault undefined 'undefined behaviour: shift out of bounds at kernel/drivers/faults.c:'
fault lock-order 'lock order: 540 taken while holding 610'
fault lock-sleep 'lock order: sleeping lock 230 taken with spinlock 540 held'
gives "these are all there are" 0 "$faults" -- "$PROBE" cat /proc/slipway-faults
finish
