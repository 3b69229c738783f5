# SPDX-License-Identifier: MIT
# strace on shells: what it prints, without numbers of processes and addresses.
exec 2>&1

# lines PATTERN: of the trace.
lines() {
    grep -E "$1" "$T" | sed -E -e 's/^[0-9]+ +//' -e 's/ +=/ =/' -e 's/0x[0-9a-f]+( \/\* [0-9]+ vars? \*\/)?/ADDR/g' \
        -e 's/= [0-9]{2,}( .*)?$/= N\1/' -e '/openat/s/= [0-9]+$/= N/' -e 's/^read\([0-9]/read(N/' \
        -e 's/(si_pid|si_uid|si_utime|si_stime)=[0-9]+/\1=N/g' -e 's/(wait4|kill)\([0-9]+/\1(N/'
}
T=/tmp/trace

echo "== a pipeline"
strace -f -o $T sh -c 'echo one two | wc -w; exit 3'
echo "it ends with $?"
lines 'execve\(' | sed 's/.*execve("\(.*\)", \[.*/\1/' | sed 's/.*\///'
echo "$(grep -cE '(clone|fork)\(.* = [0-9]+$|(clone|fork) resumed.* = [0-9]+$' $T) children, $(grep -c '+++ exited with' $T) ends"
lines 'exited with' | sort
grep -q 'wait4.*WEXITSTATUS' $T && echo waited
lines '^[0-9]+ +--- SIGCHLD' | sort -u | sed 's/si_code=CLD_EXITED.*/CLD_EXITED/' | uniq

echo "== a signal"
strace -f -e trace=kill -o $T sh -c 'trap "echo caught" USR1; kill -USR1 $$; kill -TERM $$'
echo "it ends with $?"
lines 'kill|---|\+\+\+'

echo "== a count"
strace -c -f -o $T sh -c 'true | cat'
awk '$NF == "execve" || $NF == "clone" { print $NF, $4 }' $T | sort

echo "== a call that fails, one that does not happen"
strace -o $T -e inject=getcwd:error=ENOENT -e trace=getcwd /bin/pwd 2>/dev/null
echo "it ends with $?"
lines getcwd
strace -f -o $T -e inject=getppid:retval=4711 -e trace=getppid python3 -c 'import os; print(os.getppid())'
lines getppid | sort -u
strace -o $T -e inject=kill:signal=TERM:when=2 -e trace=kill sh -c 'kill -0 $$; kill -0 $$; echo not reached'
echo "it ends with $?"

echo "== only what a filter lets through"
strace -f --seccomp-bpf -e trace=openat -o $T cat /etc/hostname >/dev/null
lines 'hostname|exited'

# traced PID TRACER: until it is.
traced() { until grep -q "^TracerPid:	$2" "/proc/$1/status"; do :; done; }

echo "== a process that runs"
mkfifo fifo
cat fifo >copy &
pid=$!
exec 3>fifo
strace -p $pid -o $T -e trace=read,write 2>/dev/null 3>&- &
tracer=$!
traced $pid $tracer
echo hello >&3
exec 3>&-
{ wait $pid; } 2>/dev/null
echo "it ends with $?: $(cat copy)"
wait $tracer
lines 'hello|exited'

echo "== its end by a signal"
sleep 1000 &
pid=$!
strace -p $pid -o $T -e trace=none 2>/dev/null &
tracer=$!
traced $pid $tracer
kill $pid
{ wait $pid; } 2>/dev/null
echo "it ends with $?"
wait $tracer
lines 'SIGTERM'

echo "== let go again"
sleep 1000 &
pid=$!
strace -p $pid -o $T 2>/dev/null &
tracer=$!
traced $pid $tracer
kill -INT $tracer
wait $tracer
grep TracerPid /proc/$pid/status
kill $pid
{ wait $pid; } 2>/dev/null
echo "it ends with $?"
