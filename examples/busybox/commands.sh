# SPDX-License-Identifier: MIT
# Typed into the image's shell by the test; expected.txt is its output.
echo "pid $$"
id guest
pwd
printf '3\n1\n2\n' | sort | tr '\n' ' '; echo
mkdir -p /tmp/a/b && echo text >/tmp/a/b/f && find /tmp/a | sort
cat /tmp/a/b/f | sed s/t/T/g
ln -s b /tmp/a/link && readlink /tmp/a/link
(sleep 0.1; echo late) & echo early; wait
i=0; while [ $i -lt 3 ]; do i=$((i+1)); done; echo "counted $i"
grep -c processor /proc/cpuinfo >/dev/null && echo "cpuinfo read"
ls -d /proc/1 /dev/null /dev/tty
exit 7
