# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# tar and cpio: what goes in comes out.

fact "tar: owners, modes, times, links, holes, attributes, devices; and a part of it through a pipe" <<'EOF'
umask 022
mkdir -p t/d/e
echo x >t/d/f
ln t/d/f t/hard
ln -s d/f t/soft
mkfifo t/fifo
mknod t/null c 1 3
truncate -s 8M t/hole
echo end >>t/hole
setfattr -n user.x -v y t/d/f
chown 11:22 t/d
chmod 2770 t/d
touch -d '2005-05-05 05:05:05.5' t/d/f t/d
list() { (cd "$1"; find . ! -path . -printf '%p %y %m %n %U %G %l %T@ %D %t\n' | sed 's/ [0-9]* [A-Z].*//' | sort); }
tar -c -S --xattrs -f t.tar --format=posix t
[ "$(stat -c %s t.tar)" -lt 100000 ]
mkdir out
tar -x -S -p --xattrs --same-owner -f t.tar -C out
diff <(list t) <(list out/t)
cmp t/hole out/t/hole
[ "$(stat -c %b out/t/hole)" -lt 1000 ]
[ "$(getfattr --only-values -n user.x out/t/d/f)" = y ]
tar -d -f t.tar
echo changed >t/d/f
fails 1 tar -d -f t.tar >log
tar -t -v -f t.tar | has '^crw-r--r-- .* 1,3 .* t/null$'
tar -c t/d | (mkdir once; cd once; tar -x --one-top-level=again)
[ "$(cat once/again/t/d/f)" = changed ]
tar -c -f - t | tar -t | wc -l | has '^9$'
EOF

fact -l "tar: incremental by a snapshot, append, update, delete, --remove-files, a name of 200 bytes" <<'EOF'
mkdir t
echo 1 >t/one
echo 2 >t/two
tar -c -g snap -f full.tar t
sleep 0.01
echo 3 >t/three
rm t/two
tar -c -g snap -f more.tar t
[ "$(tar -t -f more.tar | tr '\n' ' ')" = "t/ t/three " ]
mkdir out
tar -x -g /dev/null -f full.tar -C out
tar -x -g /dev/null -f more.tar -C out
diff -r t out/t
echo 4 >four
tar -r -f full.tar four
tar --delete -f full.tar t/two
[ "$(tar -t -f full.tar | tr '\n' ' ')" = "t/ t/one four " ]
name=$(head -c 200 /dev/zero | tr '\0' n)
echo long >"$name"
tar -c -f l.tar --remove-files "$name"
[ ! -e "$name" ]
tar -x -f l.tar
[ "$(cat "$name")" = long ]
EOF

fact -l "tar through gzip; one that is cut off; one with names that lead out" <<'EOF'
seq 100000 >n
tar -czf n.tgz n
mkdir out
tar -xzf n.tgz -C out
cmp n out/n
head -c 50000 n.tgz >cut.tgz
fails 2 tar -xzf cut.tgz -C out 2>err
tar -cPf up.tar ../"$(basename "$PWD")"/n
fails 2 tar -xf up.tar -C out 2>err
grep -q 'contains' err
gzip -k n
zcat n.gz | cmp - n
gzip -t n.gz
gunzip -f n.gz
EOF

fact "cpio: newc out and in, pass-through with links" <<'EOF'
mkdir -p t/d
echo x >t/d/f
ln t/d/f t/g
ln -s d t/l
mknod t/null c 1 3
find t -depth -print0 | cpio -0 -o -H newc --quiet >t.cpio
cpio -t --quiet <t.cpio | wc -l | has '^6$'
mkdir out
(cd out; cpio -idm --quiet <../t.cpio)
[ "$(stat -c %h out/t/g)" = 2 ]
[ "$(stat -c %F out/t/null)" = "character special file" ]
mkdir pass
find t -depth -print | cpio -pdlm --quiet pass
[ "$(stat -c %h t/g)" = 4 ]
EOF
