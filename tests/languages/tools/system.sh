# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# util-linux.

fact "flock: exclusive, shared, refused, with a time, by descriptor, and given up with the process" <<'EOF'
flock lock sleep 1000 &
holder=$!
within 60 fails 1 flock -n lock true
fails 9 flock -n -E 9 -s lock true
fails 1 flock -w 0.1 lock true
pkill -P $holder
fails 143 wait $holder
flock -n lock true
flock -s lock flock -n -s lock true
flock -s lock bash -c 'flock -n lock true || echo refused' | has refused
exec 9>lock
flock 9
fails 1 flock -n lock true
flock -u 9
flock -n lock true
EOF

fact "lscpu, lsblk, lsipc, lslocks, lsns: they read what there is" <<'EOF'
lscpu | has '^Architecture: +x86_64'
[ "$(lscpu -p=cpu | grep -vc '#')" = "$(nproc --all)" ]
lscpu -e >/dev/null
lsblk >/dev/null
lsipc >/dev/null
lsipc -g -J | python3 -m json.tool >/dev/null
lsns -n -o TYPE -p $$ >out
[ "$(grep -cE '^(ipc|mnt|net|pid|user|uts)$' out)" = 6 ]
lslocks >/dev/null
EOF

fact "mount, findmnt, umount: tmpfs with a size, bind, read-only; namei, mountpoint" <<'EOF'
mkdir m b
mount -t tmpfs -o size=64k,mode=700 none m
mountpoint -q m
fails 32 mountpoint -q b
[ "$(findmnt -n -o FSTYPE "$PWD/m")" = tmpfs ]
findmnt -n -o OPTIONS "$PWD/m" | has 'size=64k,mode=700'
fails 1 dd if=/dev/zero of=m/f bs=4K count=100 status=none
rm m/f
echo x >m/x
mount --bind m b
[ "$(cat b/x)" = x ]
mount -o remount,bind,ro b
fails 1 touch b/y
touch m/y
findmnt -n -o OPTIONS "$PWD/b" | has '^ro,'
exec 5<m/x
fails 32 umount m
umount b
exec 5<&-
umount m
[ -z "$(ls m)" ]
fails 32 umount m
fails 32 mount -t strangefs none m
namei -l /usr/bin/env | has '^-rwx.* root root env$'
ln -s m l
namei l | has 'l l -> m'
EOF

fact "kill by name and number, with a value; setsid, setsid -w; a whole group" <<'EOF'
sleep 1000 &
p=$!
/usr/bin/kill -0 $p
[ "$(/usr/bin/kill -l 15)" = TERM ]
/usr/bin/kill -q 5 -s USR1 $p
fails 138 wait $p
fails 1 /usr/bin/kill $p
fails 7 setsid -w sh -c 'exit 7'
[ "$(setsid -w ps -o sid= -p 1 | wc -l)" = 1 ]
setsid sh -c 'echo $$ >pid; sleep 1000 & wait' &
within 60 test -s pid
within 60 pgrep -g "$(cat pid)" sleep
kill -TERM -- -"$(cat pid)"
within 60 fails 1 pgrep -g "$(cat pid)"
EOF

fact "taskset, chrt, renice, ionice, nice, prlimit, choom" <<'EOF'
taskset 1 sh -c 'taskset -p $$' | has 'mask: 1$'
fails 1 taskset 0 true
sleep 1000 &
p=$!
taskset -cp 0 $p >/dev/null
taskset -cp $p | has 'list: 0$'
chrt -b -p 0 $p
chrt -p $p | has 'SCHED_BATCH'
chrt -i -p 0 $p
chrt -p $p | has 'SCHED_IDLE'
chrt -f -p 5 $p
chrt -p $p | has 'priority: 5$'
chrt -r 7 sh -c 'chrt -p $$' | has 'SCHED_RR'
chrt -m | has '^SCHED_FIFO min/max priority.*1/99'
chrt -o -p 0 $p
renice -n 5 -p $p | has 'new priority 5'
[ "$(ps -o ni= -p $p | tr -d ' ')" = 5 ]
renice -n -3 -p $p >/dev/null
ionice -c 2 -n 3 -p $p
[ "$(ionice -p $p)" = "best-effort: prio 3" ]
[ "$(ionice -c 3 ionice)" = idle ]
prlimit --nofile=100:200 -p $p
prlimit -n -o SOFT,HARD --noheadings -p $p | has '100 +200'
prlimit --fsize=1000 sh -c 'trap "" XFSZ; head -c 2000 /dev/zero >f; true' 2>err
[ "$(stat -c %s f)" = 1000 ]
prlimit --cpu=1 true
[ "$(prlimit --stack=1048576 sh -c 'ulimit -s')" = 1024 ]
choom -n 500 -p $p >/dev/null
[ "$(cat /proc/$p/oom_score_adj)" = 500 ]
kill $p
EOF

fact -l "getopt, hexdump, mcookie, rename, whereis, column, rev" <<'EOF'
[ "$(getopt -o ab: -l long -- -b x -a --long rest)" = " -b 'x' -a --long -- 'rest'" ]
[ "$(printf 'abc' | hexdump -e '3/1 "%02x"')" = 616263 ]
hexdump -C -n 64 /bin/true >line
grep -q '^00000000  7f 45 4c 46' line
mcookie | has '^[0-9a-f]{32}$'
touch a1 a2
rename.ul a b a1 a2
[ "$(ls b? | tr '\n' ' ')" = "b1 b2 " ]
whereis -b ls | has '/ls'
printf 'a b\nccc d\n' | column -t | has '^a +b$'
[ "$(echo abc | rev)" = cba ]
EOF

fact "ipcmk, ipcs, ipcrm: a segment, a queue, a set of semaphores" <<'EOF'
m=$(ipcmk -M 64K | awk '{ print $NF }')
q=$(ipcmk -Q | awk '{ print $NF }')
s=$(ipcmk -S 3 -p 0600 | awk '{ print $NF }')
ipcs -m -i "$m" | has 'bytes=65536'
ipcs -s -i "$s" | has 'nsems = 3'
ipcs -q | has "^0x[0-9a-f]+ +$q "
ipcs -a >/dev/null
ipcs -l | has 'max number of segments'
ipcs -u >/dev/null
ipcrm -m "$m" -q "$q" -s "$s"
fails 1 ipcrm -m "$m"
ipcs -m | fails 1 grep -q "^0x[0-9a-f]* *$m "
EOF

fact "logger, dmesg, setarch, setpriv" <<'EOF'
python3 -c 'import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind("socket"); print(s.recv(1000).decode())' >out &
within 60 test -S socket
logger -u socket -t me 'a word'
wait $!
grep -q '^<13>.*me: a word$' out
dmesg >log
dmesg -r >/dev/null
[ "$(setarch x86_64 -R grep -c . /proc/self/maps)" -gt 5 ]
[ "$(setarch -R sh -c 'cat /proc/self/personality')" = 00040000 ]
[ "$(setarch linux32 uname -m)" = i686 ]
setpriv --reuid 1000 --regid 1000 --clear-groups id | has '^uid=1000 gid=1000 groups=1000$'
setpriv --no-new-privs grep ^NoNewPrivs /proc/self/status | has '1$'
setpriv --pdeathsig TERM true
setpriv -d | has '^uid: 0$'
setpriv --bounding-set -all grep ^CapBnd /proc/self/status | has '0000000000000000$'
EOF
