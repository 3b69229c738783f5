# SPDX-License-Identifier: MIT
# gdb in batch mode on the program victim: what it prints, without addresses, numbers of processes and what depends on libraries.
exec 2>&1
clean() {
    sed -E -e '/^\[Thread debugging using|^Using host libthread_db|^warning: |^$|^Download failed/d' \
        -e 's|[^ ]*/victim.c|victim.c|g' -e 's/0x[0-9a-f]{4,}/ADDR/g' -e 's/(process|LWP) [0-9]+/\1 N/g'
}

debug() {
    title=$1; shift
    echo "== $title"
    gdb -q -batch -nx -ex 'set debuginfod enabled off' -ex 'set confirm off' -ex 'set width 0' "$@" 2>&1 </dev/null | clean
}

debug "a breakpoint, frames, variables, finish" -ex 'break third' -ex run -ex bt -ex 'print *p' -ex finish -ex next -ex 'print product' \
    -ex up -ex 'info args' -ex delete -ex continue --args ./victim

debug "a hardware watchpoint" -ex 'break first' -ex run -ex 'watch counter' -ex continue -ex continue -ex 'print counter' -ex delete \
    -ex continue --args ./victim

debug "a software watchpoint" -ex 'set can-use-hw-watchpoints 0' -ex 'break second' -ex run -ex 'watch counter' -ex continue \
    -ex 'print counter' -ex delete -ex continue --args ./victim

debug "a hardware breakpoint" -ex 'break main' -ex run -ex 'hbreak third' -ex continue -ex 'print p->right' -ex continue --args ./victim

debug "steps" -ex 'break second' -ex run -ex next -ex step -ex next -ex 'print p->left' -ex stepi -ex 'set var p->left = 100' -ex delete \
    -ex continue --args ./victim

debug "a crash" -ex run -ex bt -ex 'print $_siginfo.si_signo' -ex 'print $_siginfo._sifields._sigfault.si_addr' -ex kill \
    --args ./victim crash

debug "threads" -ex 'break meet' -ex run -ex 'info threads' -ex 'thread apply all -q bt 1' -ex continue --args ./victim threads |
    sed -E -e '/^\[(New Thread|Thread .* exited|Switching to)/d' -e '/^#0/s/^#0 .*/#0 FRAME/' \
        -e 's/^(..[0-9]) +Thread ADDR \(LWP N\) "victim".*/\1 victim/' -e '/^\(More stack frames/d' -e '/arch-fork.h/d'

debug "catch fork and exec" -ex 'catch fork' -ex 'catch exec' -ex run -ex 'continue' --args ./victim children |
    sed -E -e 's/, .*//' -e '/^\[(Detaching|Inferior)/d' -e '/arch-fork|syscall-template/d' | sort

debug "follow the child" -ex 'set follow-fork-mode child' -ex 'break in_child' -ex run -ex 'bt 1' -ex 'catch exec' -ex continue \
    -ex kill --args ./victim children | grep -E '^(#0|Thread.*hit|Catchpoint|child|its end)' | sed -E -e 's/^Thread [0-9.]+ "[a-z]+" hit //' -e 's/, .*//'

./victim idle &
victim=$!
until grep -q '^State:	S' /proc/$victim/status; do :; done
debug "attach" -ex 'bt -3' -ex 'print counter' -ex 'frame function idle' -ex 'print counter = 42' -ex detach -p $victim |
    grep -E '^(#. .*(idle|main) |\$[0-9])' | sed -E 's/^#[0-9] +//; s/^ADDR in //'
kill -USR1 $victim 2>/dev/null; wait $victim
echo "its end: $?"
