#!/bin/bash
# SPDX-License-Identifier: MIT
# Debian's openjdk-17-jdk-headless: javac compiles in the machine what java then runs: both compilers of the JVM, threads,
# the collector under load, faults that become exceptions, processes.
. "$(dirname "$0")/lib.sh"
image java
MEMORY=1500m
# QEMU before 8.1, emulating two CPUs, may translate an instruction that the other CPU is just replacing, half old and half
# new, and keep it: a method that the JVM retires (patch_verified_entry) then ends in SIGILL or spins. Linux as the guest
# fails alike. Here the CPUs take turns in one thread of the emulator, as often as they like, but not at once.
[ "${ACCEL:-tcg}" != tcg ] || export ACCEL=tcg,thread=single

program main "${MACHINE[@]}" MEMORY_MIB="${MEMORY_MIB/#1024/1500}" sh -c 'javac -J-XX:+ErrorFileToStdout -d . Main.java && exec java -XX:+ErrorFileToStdout Main'
finish
