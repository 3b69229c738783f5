# SPDX-License-Identifier: MIT
. ./data.sh
data
xz -k -T2 -1 --block-size=300KiB data || exit
xz --robot --list data.xz | awk '$1 == "file" { print "streams", $2, "blocks", $3, "check", $7 }'
mv data original
xz -dk -T2 data.xz || exit
cmp data original && echo "xz -T2: the same"
sha256sum -c sums
xz -dc -T1 data.xz | cmp - original && echo "by one thread: the same"
cat original | xz -T2 -0 --memlimit-compress=200MiB | xz -dc | cmp - original && echo "through pipes: the same"
xz -t data.xz && echo "tested"
head -c 300000 data.xz >broken.xz
xz -t broken.xz 2>&1
echo "truncated: $?"
xz -9e -k --stdout sums | xz -d | cmp - sums && echo "a small file: the same"
