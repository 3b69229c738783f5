# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# busybox: the same work by its own applets.

fact "busybox ash: a script with functions, traps, pipes, here-documents and background jobs" <<'EOF'
cat >s <<'S'
set +m
trap 'echo bye' EXIT
f() { local x=$1; echo $((x * 2)); }
f 21
echo a b c | while read -r x y; do echo "$y|$x"; done
sleep 1000 & p=$!
kill $p; wait $p; echo "waited $?"
cat <<T
here $(f 4)
T
(exit 3) || echo "code $?"
trap 'echo usr' USR1; kill -USR1 $$
S
[ "$(busybox sh s | tr '\n' ',')" = "42,b c|a,waited 143,here 8,code 3,usr,bye," ]
EOF

fact "busybox: ls, find, awk, sed, sort, dc, xargs, tar, gzip, cpio, sha256sum" <<'EOF'
bb() { busybox "$@"; }
mkdir -p t/d
seq 100 >t/n
ln -s n t/l
ln t/n t/d/hard
bb ls -l t | has ' l -> n$'
[ "$(bb find t -type f | bb sort | tr '\n' ' ')" = "t/d/hard t/n " ]
[ "$(bb awk '{ s += $1 } END { print s }' t/n)" = 5050 ]
bb sed -i 's/^50$/fifty/' t/n
[ "$(bb grep -c fifty t/n)" = 1 ]
[ "$(echo '2 3 + p' | bb dc)" = 5 ]
[ "$(bb seq 5 | bb xargs -n 2 echo | bb wc -l)" = 3 ]
bb tar -czf t.tgz t
mkdir out
bb tar -xzf t.tgz -C out
diff -r t out/t
bb sha256sum t/n | bb sha256sum -c | has 'OK$'
bb gzip -c t/n | bb zcat | cmp - t/n
(cd t; bb find . | bb cpio -o -H newc 2>/dev/null) | (mkdir c; cd c; bb cpio -i 2>/dev/null)
cmp t/n c/n
python3 -c 'import zipfile; z = zipfile.ZipFile("z.zip", "w", zipfile.ZIP_DEFLATED); z.write("t/n")'
mkdir z
bb unzip -q z.zip -d z
cmp t/n z/t/n
EOF

fact "busybox: ps, top -b, free, df, mount, stat, dd, timeout, start-stop-daemon" <<'EOF'
bb() { busybox "$@"; }
bb ps | has '^ *1 root .*runsvdir'
bb top -b -n 1 | has '^Mem: [0-9]+K used'
bb free | has '^Mem: +[0-9]+'
bb df / | has '% /$'
bb mount | has ' on /proc type proc'
[ "$(bb stat -c %a /tmp)" = 1777 ]
fails 143 bb timeout 1 sleep 1000
bb start-stop-daemon -S -b -m -p "$PWD/pid" -x /bin/sleep -- 1000
within 60 test -s pid
within 60 pgrep -x sleep
bb start-stop-daemon -K -p "$PWD/pid"
EOF
