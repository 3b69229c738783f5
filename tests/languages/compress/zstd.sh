# SPDX-License-Identifier: MIT
. ./data.sh
data
zstd -q -k -T2 -3 -B512K data -o data.zst || exit
zstd -q -l data.zst >/dev/null && echo listed
mv data original
zstd -q -d -k -T2 data.zst || exit
cmp data original && echo "zstd -T2: the same"
sha256sum -c sums
zstd -q -dc data.zst | cmp - original && echo "through a pipe: the same"
cat original | zstd -q -T2 -9 --long=24 | zstd -q -dc --long=24 | cmp - original && echo "long distance: the same"
zstd -q -t data.zst && echo "tested"
head -c 300000 data.zst >broken.zst
zstd -q -t broken.zst >/dev/null 2>&1
echo "truncated: $?"
mkdir -p many
for n in 1 2 3 4 5 6 7 8; do head -c 30000 original | tail -c 20000 | sed "s/1/$n/g" >many/$n; done
zstd -q --train many/* -o dictionary --maxdict=10000 2>/dev/null; echo "dictionary: $?"
zstd -q -T2 --rm many/* && for file in many/*.zst; do zstd -q -dc "$file" | wc -c; done | sort | uniq -c | awk '{ print $1, $2 }'
