# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# findutils, grep, sed, gawk, diffutils and patch.

fact "find: types, sizes, times, owners, links, -printf, -prune, -delete, -xdev" <<'EOF'
mkdir -p a/b/c a/.git
head -c 5000 /dev/zero >a/big
touch -d '2 days ago' a/b/old
touch a/b/new
ln a/b/new a/b/c/hard
ln -s ../big a/b/link
mkfifo a/fifo
chmod 4755 a/big
chown 77 a/b/old
is() { [ "$(find a "${@:2}" | sort | tr '\n' ' ')" = "$1" ]; }
is "a/b/link " -type l
is "a/b/link a/big " -follow -size +4k
is "a/fifo " -type p
is "a/b/old " -mtime +0
is "a/b/old " -user 77
is "a/big " -perm -4000
is "a/b/c/hard a/b/new " -samefile a/b/new
is "a/b/c/hard a/b/new " -type f -links 2
is "a a/b a/b/c " -name .git -prune -o -type d -print
is "a/b/c/hard a/b/new " -newer a/b/old -type f -empty
is "a/fifo " -maxdepth 1 -not -type d -not -type f
[ "$(find a -type d -printf '%P:%d:%y:%m\n' | sort | tr '\n' ' ')" = ".git:1:d:755 :0:d:755 b/c:2:d:755 b:1:d:755 " ]
[ "$(find a/b -type f -printf '%i\n' | sort -u | wc -l)" = 2 ]
find / -xdev -type d >/dev/null
find /proc/self/ >/dev/null
find a -depth -delete
[ ! -e a ]
EOF

fact "find -exec one by one, {} +, -execdir, -ok's refusal; xargs -0, -P2, -n, -I, codes" <<'EOF'
mkdir d
touch d/{1..20} 'd/a b' $'d/new\nline'
[ "$(find d -type f -exec echo {} \; | wc -l)" = 23 ]
find d -type f -exec sh -c 'echo $#' sh {} + | has '^22$'
find d -type f -name 7 -execdir echo {} \; | has '^./7$'
fails 1 find d -name 1 -exec false {} + -quit
[ "$(find d -type f -print0 | xargs -0 -n 5 sh -c 'echo $#' sh | paste -sd+ | bc)" = 22 ]
[ "$(find d -type f -print0 | xargs -0 -P2 -n 4 sh -c 'echo $#' sh | paste -sd+ | bc)" = 22 ]
[ "$(seq 3 | xargs -I{} echo x{} | tr '\n' ' ')" = "x1 x2 x3 " ]
fails 123 xargs -n 1 sh -c 'exit 1' <<<"a b"
fails 124 xargs sh -c 'exit 255' <<<a
fails 125 xargs sh -c 'kill -9 $$' <<<a
fails 127 xargs nosuch <<<a
[ "$(seq 50000 | xargs echo | wc -l)" -ge 1 ]
[ "$(xargs -r echo x </dev/null)" = "" ]
EOF

fact -l "more arguments than fit: E2BIG, and as many as do" <<'EOF'
long=$(head -c 131071 /dev/zero | tr '\0' x)
[ "$(/bin/echo "$long" | wc -c)" = 131072 ]
fails 126 /bin/echo "${long}x" 2>err
grep -q 'Argument list too long' err
seq 200000 | xargs -x -s 2000000 /bin/echo 2>err | wc -w | has '^200000$'
[ "$(getconf ARG_MAX)" = 2097152 ]
EOF

fact -l "grep: -r, --include, -l, -z, -f, binary files, devices passed by, its codes" <<'EOF'
mkdir -p d/e
echo needle >d/a.c
echo hay >d/b.c
echo needle >d/e/c.h
printf 'x\0needle\n' >d/binary
mkfifo d/fifo
ln -s . d/loop
[ "$(grep -rl needle d --exclude=fifo | sort | tr '\n' ' ')" = "d/a.c d/binary d/e/c.h " ]
[ "$(grep -r -D skip --include='*.c' -c needle d | sort | tr '\n' ' ')" = "d/a.c:1 d/b.c:0 " ]
grep needle d/binary 2>&1 | has 'd/binary: binary file matches'
fails 1 grep -q nothing d/a.c
fails 2 grep x nofile 2>err
[ "$(seq 100000 | grep -c 7)" = 40951 ]
[ "$(seq 100 | grep -m 1 5)" = 5 ]
grep -q . /proc/cpuinfo
grep -rs root /proc/self/mounts /etc/passwd >/dev/null
seq 10 | grep -f <(seq 5 6) | tr '\n' ' ' | has '^5 6 $'
EOF

fact "sed: -i keeps mode and owner, -i.bak, -s, -n, w, e, in place through a link" <<'EOF'
umask 022
seq 10 >f
chmod 640 f
chown 8:9 f
sed -i '5d;s/7/seven/' f
[ "$(stat -c '%a %u %g' f)" = "640 8 9" ]
[ "$(grep -c . f)" = 9 ]
sed -i.bak '$d' f
[ "$(wc -l <f.bak)" = 9 ]
ln -s f l
sed -i --follow-symlinks 1d l
[ -L l ]
[ "$(head -n 1 f)" = 2 ]
sed -i 1d l
[ ! -L l ]
sed -n '2,3w out' f
[ "$(wc -l <out)" = 2 ]
[ "$(echo 'echo hi' | sed e)" = hi ]
[ "$(seq 100000 | sed -n '$=')" = 100000 ]
fails 2 sed p nofile 2>err
mkdir d
fails 4 sed -i p d 2>err
EOF

fact -l "gawk: pipes, co-processes, system, getline, sockets' special files, ENVIRON, a huge array" <<'EOF'
[ "$(awk 'BEGIN { while (("seq 5" | getline x) > 0) s += x; print s }')" = 15 ]
[ "$(gawk 'BEGIN { c = "sort -n"; for (i = 5; i > 0; i--) print i |& c; close(c, "to"); while ((c |& getline x) > 0) printf "%s ", x }')" = "1 2 3 4 5 " ]
[ "$(gawk 'BEGIN { r = system("exit 7"); print r }')" = 7 ]
gawk 'BEGIN { print "err" >"/dev/stderr" }' 2>err
[ "$(cat err)" = err ]
[ "$(X=y gawk 'BEGIN { print ENVIRON["X"] }')" = y ]
[ "$(gawk 'BEGIN { for (i = 0; i < 200000; i++) a[i] = i; print length(a) }')" = 200000 ]
gawk '{ print >($1 % 10 ".out") }' <(seq 100)
[ "$(cat [0-9].out | wc -l)" = 100 ]
gawk -i inplace '{ print $1 * 2 }' 0.out
[ "$(head -n 1 0.out)" = 20 ]
EOF

fact "diff -r, -u, patch, cmp, diff3, sdiff; patch that does not fit" <<'EOF'
mkdir a
seq 50 >a/n
echo gone >a/gone
cp -r a b
sed -i '25s/.*/changed/' b/n
rm b/gone
echo new >b/new
fails 1 diff -ruN a b >p
patch -s -p1 -d a <p
diff -r a b
patch -s -R -p1 -d a <p
[ -e a/gone ]
fails 1 patch -s -p1 -d b -N -f <p >log
fails 1 cmp -s a/n b/n
cmp <(seq 100000) <(seq 100000)
fails 1 diff3 -m a/n b/n <(sed '25s/.*/other/' a/n) >log
fails 2 diff a nothing 2>err
EOF
