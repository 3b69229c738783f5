# SPDX-License-Identifier: MIT
# Sourced by the two: /tmp/data, numbers and machine code, 2.5 megabytes, the same everywhere.
data() {
    cd /tmp || exit
    seq 1 150000 >data
    head -c 1500000 /usr/lib/x86_64-linux-gnu/libc.so.6 >>data
    sha256sum data >sums
}
