#!/bin/bash
# SPDX-License-Identifier: MIT
# The other doors into the one ELF: GRUB by multiboot2, on BIOS and on UEFI. There is no control port there: streams are the UART.
. "$(dirname "$0")/lib.sh"
registry || exit 1
mkdir -p "$W/iso/boot/grub"
check "the ELF is made" build/imgtool build --kernel "$KERNEL" --tls-verify=false "$CONFIGURED" -o "$W/iso/boot/vm.elf"
cat >"$W/iso/boot/grub/grub.cfg" <<'GRUB'
set timeout=0
menuentry slipway {
    multiboot2 /boot/vm.elf slipway.streams=uart console=ttyS0
    boot
}
GRUB
check "a disk with GRUB is made" grub-mkrescue -o "$W/grub.iso" "$W/iso"

# boots NAME MACHINE QEMU-ARGUMENT...
boots() {
    local name=$1
    shift
    timeout -k 5 $LIMIT qemu-system-x86_64 -accel "${ACCEL:-tcg}" -M "$1" -cpu max -smp "$CPUS" -m 512 -nodefaults -display none \
        -no-reboot -serial "file:$W/serial" -cdrom "$W/grub.iso" "${@:2}" </dev/null >"$W/qemu" 2>&1
    is "$name: the machine ends" $? 0
    like "$name: the entrypoint's words" "$(tr -d '\r\0' <"$W/serial")" '^entry default words'
    like "$name: the exit record on the log" "$(tr -d '\r\0' <"$W/serial")" '"event":"exit","code":0'
}
boots "GRUB on BIOS" pc
cp /usr/share/OVMF/OVMF_VARS.fd "$W/vars.fd"
boots "GRUB on UEFI" q35 -drive if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE.fd \
    -drive if=pflash,format=raw,file="$W/vars.fd"
finish
