# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# procps reads /proc.

fact "ps: aux, -ef, -o everything, --forest, -L, -T, by parent and by name; a zombie, a stopped one" <<'EOF'
sleep 1000 &
p=$!
within 60 grep -q sleep /proc/$p/comm
ps aux | has "^root +$p .* S[N<]* .* sleep 1000$"
ps -ef | has "^root +$p +$$ .* sleep 1000$"
[ "$(ps -o comm= -p $p)" = sleep ]
[ "$(ps -o ppid= -p $p | tr -d ' ')" = $$ ]
ps --ppid $$ -o pid= | has " *$p\$"
ps -C sleep -o args= | has '^sleep 1000$'
ps --forest -e -o pid,args >/dev/null
ps -eLf >/dev/null
ps axjf >/dev/null
ps -eo pid,tid,class,rtprio,ni,pri,psr,pcpu,stat,wchan:14,comm,vsz,rss,sz,time,etime,lstart,nlwp,user,group,label,cgroup,cls,sgi_p,tty,tpgid,sess,pgid,maj_flt,min_flt,blocked,caught,ignored,pending,unit,cmd >/dev/null
[ "$(ps -o rss= -p $p)" -gt 100 ]
kill -STOP $p
within 60 sh -c "ps -o stat= -p $p | grep -q ^T"
kill -KILL $p
sh -c 'sleep 0 & exec sleep 1000' &
q=$!
within 60 sh -c "ps --ppid $q -o stat=,comm= | grep -q '^Z.*sleep'"
ps --ppid $q -o args= | has '\[sleep\] <defunct>'
kill $q
EOF

fact "top -b: the head, a process of the list, one alone, threads" <<'EOF'
top -b -n 1 >out
grep -q '^top - .* load average: ' out
grep -Eq '^Tasks: +[0-9]+ total, +[0-9]+ running' out
grep -Eq '^%Cpu\(s\): ' out
grep -Eq '^MiB Mem : +[0-9.]+ total' out
grep -Eq '^ +[0-9]+ root .* top$' out
top -b -n 1 -p $$ | has "^ *$$ root .*bash$"
top -b -n 1 -H -w 200 >/dev/null
top -b -n 2 -d 0.1 >out
[ "$(grep -c '^top - ' out)" = 2 ]
EOF

fact "free, vmstat, uptime, w" <<'EOF'
free -b >out
[ "$(awk '/^Mem:/ { print ($2 >= $3 && $3 > 0 && $7 <= $2) }' out)" = 1 ]
free -h -t -w >/dev/null
[ "$(free -k | awk '/^Mem:/ { print $2 }')" = "$(awk '/^MemTotal/ { print $2 }' /proc/meminfo)" ]
vmstat >out
[ "$(tail -n 1 out | wc -w)" -ge 16 ]
vmstat -s | has 'K total memory'
vmstat -s | has 'boot time'
vmstat 1 2 | wc -l | has '^4$'
vmstat -f | has 'forks'
uptime -p | has '^up '
uptime -s | has '^20'
w | has 'load average'
EOF

fact "pgrep, pkill, pidof, pidwait, pwdx, pmap" <<'EOF'
cp "$(command -v sleep)" my-sleeper
./my-sleeper 1000 &
p=$!
within 60 pgrep -x my-sleeper
[ "$(pgrep -f 'my-sleeper 1000' -P $$)" = $p ]
[ "$(pidof my-sleeper)" = $p ]
[ "$(pgrep -u 0 -c -x my-sleeper)" = 1 ]
fails 1 pgrep -x my-sleepe
[ "$(pwdx $p)" = "$p: $PWD" ]
pmap $p | has 'my-sleeper$'
pmap $p | tail -n 1 | has 'total +[0-9]+K'
pmap -x $p | tail -n 1 | has 'total kB'
pmap -X $p >/dev/null
pidwait -x my-sleeper &
w=$!
within 60 sh -c "grep -qs ^Pid: /proc/$w/fdinfo/*"
pkill -USR1 -x my-sleeper
fails 138 wait $p
wait $w
fails 1 pkill -x my-sleeper
EOF

fact "sysctl -a reads what there is; one by one; a read-only one; one that is not there" <<'EOF'
sysctl -a >out 2>err
[ "$(grep -cv 'stable_secret\|permission denied' err)" = 0 ]
[ "$(wc -l <out)" -gt 80 ]
[ "$(sysctl -n kernel.ostype)" = Linux ]
[ "$(sysctl -n kernel.pid_max)" = "$(cat /proc/sys/kernel/pid_max)" ]
grep -q '^vm.overcommit_memory = ' out
grep -q '^fs.file-max = ' out
sysctl -w kernel.ostype=x >log 2>err
[ "$(sysctl -n kernel.ostype)" = Linux ]
fails 1 sysctl no.such.thing 2>err
sysctl -w kernel.hostname=other >/dev/null
[ "$(uname -n)" = other ]
EOF
