# SPDX-License-Identifier: MIT
# Read by the image's bash in the test; expected.txt is its output.
echo "bash is PID $$"
set -o pipefail
seq 1 1000 | awk '{ s += $1 } END { print s }'
false | true; echo "pipefail $?"
printf '%s\n' pear apple fig | sort | nl -w1 -s' ' | tee /tmp/list | wc -l
sha256sum </tmp/list | cut -c1-16
diff <(seq 3) <(seq 4)
echo "diff $?"
id -u guest; su guest -c 'whoami; touch /root/x 2>/dev/null || echo refused'
[ "$(stat -c %U:%a /etc/shadow)" = root:640 ] && echo "shadow kept"
# job control
set -m
sleep 100 & sleep 200 &
jobs -l | awk '{ print $1, $3, $4, $5 }'
kill %1; wait %1; echo "job 1: $?"
kill -STOP %2; sleep 0.2; jobs %2 | awk '{ print $1, $2 }'
kill -CONT %2; kill -9 %2; wait %2; echo "job 2: $?"
set +m
trap 'echo "caught TERM"' TERM; kill -TERM $$
(trap '' PIPE; yes 2>/dev/null | head -n 1)
head -c 3000000 /dev/zero | tr '\0' x | md5sum
find /usr/bin -type f | wc -l | awk '{ print ($1 > 100 ? "many programs" : "few programs") }'
tar -C /etc -cf - passwd group | tar -tf -
date -u -d @0 +%F
ulimit -n 64; ulimit -n
exit 200
