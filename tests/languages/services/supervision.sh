# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# runit, cron, rsync and inotify-tools.

fact "runit: PID 1 supervises three services; sv status says so" <<'EOF'
[ "$(cat /proc/1/comm)" = runsvdir ]
within 60 sv status /service/steady
within 60 sv status /service/mortal
sv status /service/steady | has '^run: /service/steady: \(pid [0-9]+\) [0-9]+s; run: log: \(pid [0-9]+\) [0-9]+s'
[ "$(ps -o ppid= -p "$(cat /service/steady/supervise/pid)" | xargs ps -o ppid= -p | tr -d ' ')" = 1 ]
EOF

fact "runit: a service that dies is run again, its finish told how it died" <<'EOF'
within 60 test -s /service/mortal/supervise/pid
old=$(cat /service/mortal/supervise/pid)
kill -KILL "$old"
within 60 sh -c "[ \$(wc -l </tmp/lives) = 2 ]"
[ "$(cat /tmp/deaths)" = "-1 9" ]
within 60 sh -c "p=\$(cat /service/mortal/supervise/pid); [ -n \"\$p\" ] && [ \"\$p\" != $old ]"
EOF

fact "runit: sv down, up, term, pause; a supervisor that dies itself" <<'EOF'
sv down /service/mortal
within 60 sh -c 'sv status /service/mortal | grep -q ^down'
sv up /service/mortal
within 60 sh -c 'sv status /service/mortal | grep -q ^run'
sleep 1
lives=$(wc -l </tmp/lives)
sv term /service/mortal
within 60 sh -c "[ \$(wc -l </tmp/lives) = $((lives + 1)) ]"
sv pause /service/mortal
within 60 sh -c 'sv status /service/mortal | grep -q paused'
sv cont /service/mortal
pkill -KILL -x -f 'runsv mortal'
within 60 pgrep -x -f 'runsv mortal'
EOF

fact "runit: svlogd writes what the service prints, with its time" <<'EOF'
within 60 grep -q '^@[0-9a-f]* begun$' /var/log/steady/current
sv hup /service/steady/log
EOF

fact "cron runs a job at its start, as the user whose table it is" <<'EOF'
printf '@reboot ann id -un >/tmp/cron-ann; echo "$SHELL $HOME" >>/tmp/cron-ann\n' >/etc/cron.d/ann
cron -f &
cron=$!
within 90 sh -c '[ "$(wc -l </tmp/cron-ann)" = 2 ]'
[ "$(cat /tmp/cron-ann)" = "$(printf 'ann\n/bin/sh /home/ann')" ]
fails - timeout 60 cron -f
kill $cron
fails 143 wait $cron
rm /etc/cron.d/ann
EOF

fact "rsync of a tree: locally, the difference only, with --delete, and over a pipe to another of itself" <<'EOF'
mkdir -p from/d
seq 20000 >from/big
echo x >from/d/f
ln from/d/f from/d/g
ln -s d/f from/l
mkfifo from/p
truncate -s 1M from/hole
chown 5:6 from/d/f
chmod 2770 from/d
rsync -aHS from/ to
list() { (cd "$1"; find . ! -type d -printf '%p %y %m %n %U %G %l %s\n' -type f -printf '%p %T@\n' | sort); }
diff <(list from) <(list to)
cmp from/big to/big
[ -z "$(rsync -aHSni from/ to)" ]
sed -i '5s/.*/five/' from/big
rm from/l
rsync -aHSi --delete from/ to >log
grep -q '^\*deleting   l$' log
grep -q '^>f.*big$' log
[ ! -L to/l ]
printf '#!/bin/sh\nshift\nexec "$@"\n' >remote
chmod +x remote
rsync -aHS -e "$PWD/remote" from/ host:"$PWD/far"
diff <(list from) <(list far)
sed -i '$d' from/big
rsync -aHS --no-whole-file --stats -e "$PWD/remote" from/ host:"$PWD/far" >log
cmp from/big far/big
grep -q '^Matched data: [1-9]' log
EOF

fact "inotifywait and inotifywatch: what happens in a folder, by name" <<'EOF'
mkdir d
inotifywait -q -m -r --format '%e %f' d >out 2>err &
watcher=$!
within 60 sh -c "grep -qs ^inotify /proc/$watcher/fdinfo/*"
sleep 0.2
echo x >d/a
mv d/a d/b
chmod 600 d/b
mkdir d/sub
rm d/b
within 60 grep -q '^DELETE b$' out
[ "$(head -n 4 out | tr '\n' ' ')" = "CREATE a OPEN a MODIFY a CLOSE_WRITE,CLOSE a " ]
grep -q '^MOVED_FROM a$' out
grep -q '^MOVED_TO b$' out
grep -q '^ATTRIB b$' out
grep -q '^CREATE,ISDIR sub$' out
kill $watcher
fails - wait $watcher
fails 2 inotifywait -q -t 1 -e delete d
inotifywatch -t 1 -e create d >log 2>&1
EOF
