# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# coreutils on files: /dev/shm is the other file system.

fact "cp -a: holes, hard links, symbolic links, modes, times, owners, attributes; no ACL, no complaint" <<'EOF'
mkdir from
cd from
truncate -s 4M hole
printf end | dd of=hole bs=1 seek=2M conv=notrunc status=none
echo one >one
ln one two
ln -s one link
ln -s /nowhere dangling
mkfifo pipe
mkdir -m 2775 folder
setfattr -n user.colour -v blue one
chmod 4751 one
touch -d '2001-02-03 04:05:06.123456789' one folder
chown 12:34 one
chmod 4751 one
cd ..
cp -a from to
diff <(cd from; find . -printf '%p %y %m %n %U %G %s %l %T@\n' | sort) <(cd to; find . -printf '%p %y %m %n %U %G %s %l %T@\n' | sort)
[ "$(getfattr --only-values -n user.colour to/two)" = blue ]
[ "$(stat -c %i to/one)" = "$(stat -c %i to/two)" ]
cmp from/hole to/hole
[ "$(stat -c %b to/hole)" -lt 1000 ]
cp --sparse=always from/hole holes
[ "$(stat -c %b holes)" -lt 1000 ]
cp --sparse=never from/hole full
[ "$(stat -c %b full)" -ge 8192 ]
EOF

fact -l "cp: -u, -n, -l, -s, --backup, --parents, -t, --reflink=auto; a folder without -r; onto itself" <<'EOF'
echo a >a
touch -d 2001-01-01 a
echo b >b
cp -u a b
[ "$(cat b)" = b ]
cp -n a b
[ "$(cat b)" = b ]
cp -l a hard
[ "$(stat -c %h a)" = 2 ]
cp -s "$PWD/a" soft
[ "$(readlink soft)" = "$PWD/a" ]
cp --backup=numbered a b
[ "$(cat b.~1~)" = b ]
mkdir -p x/y t
echo deep >x/y/z
cp --parents x/y/z t
[ "$(cat t/x/y/z)" = deep ]
cp -t t a b
cp --reflink=auto x/y/z copy
cmp copy x/y/z
fails 1 cp --reflink=always x/y/z other
fails 1 cp x nowhere
fails 1 cp a a
EOF

fact "mv: within, over, across file systems with all that belongs to them, into a folder, exchange refused" <<'EOF'
other=$(mktemp -d /dev/shm/other.XXXXXX)
mkdir -p tree/deep
echo x >tree/deep/file
ln tree/deep/file tree/hard
ln -s deep/file tree/soft
chmod 640 tree/hard
touch -d 2001-01-01 tree/deep/file tree/deep
before=$(cd tree; find . ! -path . -printf '%p %y %m %n %T@ %l\n' | sort)
mv tree "$other"
[ ! -e tree ]
[ "$(cd "$other/tree"; find . ! -path . -printf '%p %y %m %n %T@ %l\n' | sort)" = "$before" ]
mv "$other/tree" .
rm -r "$other"
echo old >old
echo new >new
mv new old
[ "$(cat old)" = new ]
mkdir full empty
touch full/x
mv -T full empty
fails 1 mv -T tree empty
fails 1 mv tree tree/deep
mv -n old empty/x
[ -e old ]
EOF

fact "ln, link, unlink, rm -rf, rmdir -p, mkdir -p -m" <<'EOF'
echo x >a
ln a b
ln -sf a c
ln -sfn b c
[ "$(readlink c)" = b ]
mkdir -p d/e
ln -sr a d/e/f
[ "$(readlink d/e/f)" = ../../a ]
link a g
[ "$(stat -c %h a)" = 3 ]
unlink g
fails 1 ln d h
fails 1 ln -s x a
mkdir -p -m 700 p/q/r
[ "$(stat -c %a p/q/r)" = 700 ]
rmdir -p p/q/r
fails 1 rmdir d
mkdir -p "$(printf 'deep/%.0s' {1..300})"
rm -rf deep
[ ! -e deep ]
fails 1 rm "$FACTS"
fails 1 rm -rf /proc/version
EOF

fact -l "install and mktemp" <<'EOF'
echo '#!/bin/true' >a
install -D -m 4711 -o 5 -g 6 a b/c/d
[ "$(stat -c '%a %u %g' b/c/d)" = "4711 5 6" ]
install -d -m 1777 e/f
[ "$(stat -c %a e/f)" = 1777 ]
install -p -b a b/c/d
[ -e b/c/d~ ]
t=$(mktemp)
[ "$(stat -c '%a %s' "$t")" = "600 0" ]
rm "$t"
t=$(mktemp -d -p . x.XXXXXX)
[ "$(stat -c %a "$t")" = 700 ]
[ ! -e "$(mktemp -u)" ]
EOF

fact "stat, stat -f, stat -L; of a device, a pipe, a socket" <<'EOF'
umask 022
printf 12345 >f
[ "$(stat -c '%n %s %F %a %A %h %u:%U %g:%G' f)" = "f 5 regular file 644 -rw-r--r-- 1 0:root 0:root" ]
ln -s f l
[ "$(stat -c '%N %F' l)" = "'l' -> 'f' symbolic link" ]
[ "$(stat -L -c %s l)" = 5 ]
[ "$(stat -c '%F %t %T' /dev/null)" = "character special file 1 3" ]
mkfifo p
[ "$(stat -c %F p)" = fifo ]
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("s")'
[ "$(stat -c %F s)" = socket ]
[ "$(stat -f -c %T /proc)" = proc ]
[ "$(stat -f -c %T .)" = tmpfs ]
[ "$(stat -f -c %l .)" = 255 ]
[ "$(stat -c %W f)" -gt 1000000000 ]
fails 1 stat nothing
EOF

fact -l "touch: -d, -r, -t, -a, -m, -c, -h" <<'EOF'
export TZ=UTC
touch -d '1999-12-31 23:59:59.999999999' f
[ "$(stat -c %y f)" = "1999-12-31 23:59:59.999999999 +0000" ]
touch -a -d @5 f
[ "$(stat -c '%X %Y' f)" = "5 946684799" ]
touch -m -t 203801190314.08 f
[ "$(stat -c '%X %Y' f)" = "5 2147483648" ]
touch -d @-1 f
[ "$(stat -c %Y f)" = -1 ]
touch -r f g
[ "$(stat -c '%X %Y' g)" = "-1 -1" ]
ln -s f l
touch -h -d @7 l
[ "$(stat -c %Y l f | tr '\n' ' ')" = "7 -1 " ]
touch -c nothing
[ ! -e nothing ]
touch f
[ $(($(date +%s) - $(stat -c %Y f))) -lt 100 ]
EOF

fact "truncate, fallocate, dd with seek, skip, conv=sparse,notrunc, iflag and oflag" <<'EOF'
truncate -s 10K f
[ "$(stat -c %s f)" = 10240 ]
truncate -s +1 f
truncate -s '<5' f
truncate -s %4 f
[ "$(stat -c %s f)" = 8 ]
fallocate -l 64K g
[ "$(stat -c '%s' g)" = 65536 ]
[ "$(stat -c '%b' g)" -ge 128 ]
fallocate -p -o 4096 -l 8192 g
[ "$(stat -c '%b' g)" -le 112 ]
fallocate -n -o 65536 -l 4096 g
[ "$(stat -c %s g)" = 65536 ]
printf 0123456789 >n
[ "$(dd if=n bs=1 skip=3 count=4 status=none)" = 3456 ]
printf AB | dd of=n bs=1 seek=4 conv=notrunc status=none
[ "$(cat n)" = 0123AB6789 ]
{ head -c 1M /dev/zero; echo end; } | dd of=s bs=64K conv=sparse iflag=fullblock status=none
[ "$(stat -c %s s)" = 1048580 ]
[ "$(stat -c %b s)" -lt 200 ]
dd if=n of=o oflag=append,sync conv=notrunc,fsync status=none
dd if=n of=o oflag=append conv=notrunc status=none
[ "$(cat o)" = 0123AB67890123AB6789 ]
fails 1 dd if=n of=o conv=excl status=none
fails 1 dd if=/dev/zero of=/dev/full count=1 status=none
[ "$(dd if=/dev/zero of=/dev/null bs=1M count=3 2>&1 | sed -n 's/ bytes.*//p')" = 3145728 ]
EOF

fact "dd says how far it is at a SIGUSR1, and ends at a SIGINT with what it read" <<'EOF'
mkfifo p
sleep 100 >p &
holder=$!
dd if=p of=/dev/null bs=1 2>log &
dd=$!
within 60 grep -q '^SigCgt:.*0a00$\|^SigCgt:.*200$\|^SigCgt:.*a0.$' "/proc/$dd/status"
kill -USR1 $dd
within 60 grep -q '^0+0 records in' log
kill $dd $holder
fails 143 wait $dd
EOF

fact -l "split, csplit, shuf, tee, paste, join, comm through files and pipes" <<'EOF'
seq 1000 >n
split -l 100 -d n part.
[ "$(ls part.* | wc -l)" = 10 ]
cat part.* | cmp - n
split -n 3 n third.
cat third.* | cmp - n
split -b 1K --filter='wc -c >$FILE.count' n f.
[ "$(cat f.*.count | paste -sd+ | bc)" = "$(stat -c %s n)" ]
csplit -q n 500
[ "$(wc -l <xx00)" = 499 ]
shuf n | sort -n | cmp - n
shuf -i 1-100 -n 5 | wc -l | has '^5$'
seq 5 | tee a b >c
cmp a c
cmp a b
seq 3 | tee -a a >/dev/null
[ "$(wc -l <a)" = 8 ]
[ "$(join <(seq 5) <(seq 3 8) | tr '\n' ' ')" = "3 4 5 " ]
[ "$(comm -12 <(seq 5) <(seq 4 9) | tr '\n' ' ')" = "4 5 " ]
seq 200000 | tee /dev/full >out 2>err || codes=${PIPESTATUS[*]}
[ "$codes" = "0 1" ]
cmp <(seq 200000) out
grep -q 'No space left on device' err
EOF

fact "sort --parallel=2, in little memory, with its files in a folder of their own" <<'EOF'
seq 60000 -1 1 >n
mkdir t
sort -n --parallel=2 -S 200K -T t n >sorted
cmp sorted <(seq 60000)
[ -z "$(ls t)" ]
sort -n -o n n
cmp n sorted
sort -c -n n
fails 1 sort -c -n -r n 2>err
sort -m -n n sorted | uniq -d | cmp - sorted
fails 2 sort -T nowhere -S 100K n 2>err
EOF

fact "chmod, chown, chgrp -R; what a chown takes away" <<'EOF'
mkdir -p a/b
touch a/f a/b/g
ln -s nowhere a/l
chmod -R u=rwX,go=rX a
[ "$(stat -c %a a/b a/f | tr '\n' ' ')" = "755 644 " ]
chown -R 1000:1001 a
[ "$(find a -printf '%U:%G\n' | sort -u)" = 1000:1001 ]
chown -h --from=1000 7 a/l
[ "$(stat -c %u a/l)" = 7 ]
chgrp -R 9 a
chmod 6755 a/f
chown 3 a/f
[ "$(stat -c '%a %u' a/f)" = "755 3" ]
chmod 2755 a
mkdir a/c
touch a/h
[ "$(stat -c '%a %g' a/c)" = "2755 9" ]
[ "$(stat -c %g a/h)" = 9 ]
chmod --reference=a/f a/h
fails 1 chmod 644 a/l
fails 1 chown nosuchuser a
EOF

fact "mkfifo, mknod; readlink, realpath; ls -l, -R, -i, -s, --full-time" <<'EOF'
mknod -m 640 null c 1 3
mknod p p
[ "$(stat -c '%F %a %t:%T' null)" = "character special file 640 1:3" ]
echo gone >null
[ -z "$(cat null)" ]
(echo through >p &)
[ "$(cat p)" = through ]
mkdir -p x/y
ln -s x/y l
ln -s loop loop
[ "$(readlink -f l/../y/none)" = "$PWD/x/y/none" ]
fails 1 readlink -e l/none
[ "$(realpath --relative-to=x l)" = y ]
[ "$(realpath -s l)" = "$PWD/l" ]
fails 1 realpath loop
ls -l | has '^crw-r-----.* 1, *3 .* null$'
ls -l | has '^prw.* p$'
ls -l | has ' l -> x/y$'
[ "$(ls -R | tr '\n' ' ')" = ".: l loop null p x  ./x: y  ./x/y: " ]
[ "$(ls -id x | cut -d' ' -f1)" = "$(stat -c %i x)" ]
fails 2 ls nothing
ls -la / >/dev/null
ls -lR /dev /proc/self/fd/ >/dev/null
EOF

fact "df, du, sync" <<'EOF'
df . | tail -n 1 | has ' /'
df -i / | tail -n 1 | has '%'
df --output=target,fstype / | has '^/ '
df -a >/dev/null
before=$(df --output=used -B 1K /dev/shm | tail -n 1)
head -c 8M /dev/urandom >/dev/shm/eight
after=$(df --output=used -B 1K /dev/shm | tail -n 1)
rm /dev/shm/eight
[ $((after - before)) -ge 8192 ]
mkdir -p d/e
head -c 100K /dev/zero >d/f
ln d/f d/g
truncate -s 1G d/e/hole
[ "$(du -sk d | cut -f1)" -ge 100 ]
[ "$(du -sk d | cut -f1)" -lt 150 ]
[ "$(du -s --apparent-size -B 1M d | cut -f1)" -ge 1024 ]
du -ax d | wc -l | has '^[45]$'
sync
sync d/f
sync -f d
EOF
