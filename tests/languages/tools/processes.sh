# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# coreutils and processes, signals, clocks and ids.

fact "timeout: in time, not in time, deaf to it, in the foreground, a program that is not there" <<'EOF'
timeout 100 true
fails 3 timeout 100 sh -c 'exit 3'
fails 124 timeout 0.1 sleep 100
fails 137 timeout -s KILL 0.1 sleep 100
fails 137 env --block-signal=TERM timeout -k 0.1 0.1 sleep 100
fails 124 timeout --foreground 0.1 sleep 100
fails 143 timeout --preserve-status 0.1 sleep 100
fails 127 timeout 1 nosuchprogram
fails 126 timeout 1 /etc/passwd
EOF

fact "nohup, nice, stdbuf, env, chroot" <<'EOF'
nohup sh -c 'kill -HUP $$; echo survived' >out 2>&1
grep -q survived out
[ "$(nice)" = 0 ]
[ "$(nice -n 7 nice)" = 7 ]
[ "$(nice -n 30 nice)" = 19 ]
[ "$(nice -n -5 nice)" = -5 ]
stdbuf -oL sh -c 'echo $_STDBUF_O' | has '^L$'
[ "$(env -i A=1 env)" = A=1 ]
[ "$(env -u HOME A=2 sh -c 'echo ${HOME-none} $A')" = "none 2" ]
[ "$(env -C / pwd)" = / ]
[ "$(env -S 'echo a   b')" = "a b" ]
env --ignore-signal=TERM sh -c 'kill $$; echo alive' | has '^alive$'
env --block-signal=TERM grep ^SigBlk /proc/self/status | has '4000$'
mkdir root
fails 127 chroot root /bin/ls
[ "$(chroot /usr sh -c pwd)" = / ]
[ "$(chroot --userspec=5:6 --groups=7 / id -G)" = "6 7" ]
EOF

fact "yes | head: a writer without a reader ends by SIGPIPE, or sees EPIPE" <<'EOF'
set +o pipefail
yes | head -n 3 | cmp - <(printf 'y\ny\ny\n')
yes | head -n 1 >/dev/null
[ "${PIPESTATUS[*]}" = "141 0" ]
(trap '' PIPE; yes 2>err || echo $? >code) | head -n 1 >/dev/null
within 60 test -s code
[ "$(cat code)" = 1 ]
grep -q 'Broken pipe' err
seq 1000000 | tail -n 1 | grep -q 1000000
EOF

fact "tail -f: what is appended, by inotify, until --pid has ended; -F across a new file" <<'EOF'
sleep 1000 &
pid=$!
echo 1 >f
tail -s 0.1 -f --pid=$pid f >out &
tail=$!
within 60 grep -q 1 out
echo 2 >>f
within 60 grep -q 2 out
: >f
within 60 test -s out
echo 3 >>f
within 60 grep -q 3 out
kill $pid
wait $tail
echo old >g
tail -s 0.1 -n 1 -F g >out 2>err &
tail=$!
within 60 grep -q old out
mv g h
echo new >g
within 60 grep -q new out
rm g
within 60 grep -q 'has become inaccessible' err
echo again >g
within 60 grep -q again out
kill $tail
fails 143 wait $tail
EOF

fact "id, who, whoami, groups, logname, nproc, uptime, hostname, uname, arch, tty" <<'EOF'
[ "$(id -u):$(id -g):$(whoami)" = 0:0:root ]
id nobody | has '^uid=65534\(nobody\) gid=65534\(nogroup\)'
[ -z "$(who)" ]
users
groups | has root
nproc | has '^[0-9]+$'
[ "$(taskset -c 0 nproc)" = 1 ]
[ "$(nproc --all)" -ge 1 ]
uptime | has 'up.*load average'
uname -a | has '^Linux .* x86_64 GNU/Linux$'
[ "$(uname -m)" = "$(arch)" ]
[ "$(uname -n)" = "$(cat /proc/sys/kernel/hostname)" ]
fails 1 tty
fails 1 tty </dev/null
fails 1 test -t 0
pathchk -p name
hostid >/dev/null
printenv PATH | has bin
EOF

fact -l "date, sleep, time zones" <<'EOF'
[ "$(date -u -d @1700000000 +%FT%TZ)" = 2023-11-14T22:13:20Z ]
[ "$(TZ=CET-1 date -d @0 +%H:%M)" = 01:00 ]
[ "$(date -u -d '2024-02-29 +1 year' +%F)" = 2025-03-01 ]
a=$(date +%s%N)
sleep 0.05 0.05
b=$(date +%s%N)
[ $((b - a)) -ge 100000000 ]
touch -d @86400 f
[ "$(date -u -r f +%s)" = 86400 ]
fails 1 sleep x
EOF

fact -l "od, sha256sum -c, cksum, base64, b2sum, factor, numfmt, expr, test" <<'EOF'
[ "$(printf 'A\0\377' | od -An -tx1)" = " 41 00 ff" ]
[ "$(od -An -N4 -tu4 /dev/zero | tr -d ' ')" = 0 ]
head -c 100K /dev/urandom >r
sha256sum r >sums
b2sum r >>b2
sha256sum -c --status sums
b2sum -c --status b2
echo x >>r
fails 1 sha256sum -c --status sums
[ "$(echo abc | cksum)" = "1112837078 4" ]
head -c 1000 r | base64 | base64 -d | cmp - <(head -c 1000 r)
[ "$(factor 1000000007 | wc -w)" = 2 ]
[ "$(numfmt --to=iec 1048576)" = 1.0M ]
touch -d 2001-01-01 old
[ r -nt old ]
[ ! r -ot old ]
[ /dev/null -ef /dev/../dev/null ]
[ -u /bin/su ]
[ -k /tmp ]
[ -w /etc/passwd ]
EOF

fact "shred, tac, head -c and tail -c of what cannot seek, wc of what can, cat onto itself" <<'EOF'
seq 1000 >n
[ "$(tac n | head -n 1)" = 1000 ]
cat n | tac | sort -n | cmp - n
[ "$(cat n | tail -c 5)" = 1000 ]
[ "$(cat n | head -c -5 | tail -n 1)" = 999 ]
[ "$(wc -c <n)" = "$(cat n | wc -c)" ]
(read -r first; read -r second; cat) <n | wc -l | has '^998$'
fails 1 cat n - <n >>n 2>err
grep -q 'input file is output file' err
shred -u n
[ ! -e n ]
EOF
