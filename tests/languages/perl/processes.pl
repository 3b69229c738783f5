# SPDX-License-Identifier: MIT
# Processes as perl programs use them: fork, wait, exec, pipes and pipe opens, signals, alarms, System V IPC.
use strict;
use warnings;
use Errno qw(ECHILD);
use IO::Handle;
use IPC::Open3;
use IPC::SysV qw(IPC_PRIVATE IPC_CREAT IPC_RMID S_IRUSR S_IWUSR);
use POSIX qw(:sys_wait_h :signal_h);
use Time::HiRes qw(sleep ualarm);

$| = 1;

# forks
my %code;
for my $n (0 .. 19) {
    my $pid = fork // die "fork: $!";
    POSIX::_exit($n) if $pid == 0;
    $code{$pid} = $n;
}
my $right = 0;
while ((my $pid = wait) > 0) { $right++ if $? >> 8 == delete $code{$pid} }
print "forks: $right ", $! == ECHILD ? "ECHILD" : $!, "\n";

# a pipe between processes, both ways
pipe(my $in, my $out) or die;
pipe(my $back_in, my $back_out) or die;
my $pid = fork;
if ($pid == 0) {
    close $out;
    close $back_in;
    while (my $line = <$in>) { print $back_out scalar reverse(substr $line, 0, -1), "\n" }
    close $back_out;
    POSIX::_exit(0);
}
close $in;
close $back_out;
print $out "line $_\n" for 1 .. 1000;
close $out;
my @lines = <$back_in>;
waitpid $pid, 0;
print "pipe: ", scalar @lines, " $lines[999]";

# the shell, backticks, pipe opens, open3
print "backticks: ", `echo hello; exit 3`, "status ", $? >> 8, "\n";
print "system: ", system("sh", "-c", 'kill -15 $$') & 127, "\n";
{
    no warnings "exec";
    print "not found: ", system("/no/such") == -1 ? $! + 0 : "found", "\n";
}
open(my $sorted, "-|", "printf '3\\n1\\n2\\n' | sort") or die;
print "sorted: ", join(",", map { chomp; $_ } <$sorted>), "\n";
close $sorted;
open(my $upper, "|-", "tr a-z A-Z") or die;
print $upper "to upper case\n";
close $upper;
my $child = open(my $self, "-|") // die;
if ($child == 0) { print "from the child\n"; exit 4 }
print <$self>;
close $self;
print "its status: ", $? >> 8, "\n";
my $three = open3(my $to, my $from, my $errors = IO::Handle->new, "sh", "-c", 'read x; echo "out $x"; echo "err $x" >&2');
print $to "word\n";
close $to;
print "open3: ", <$from>, "open3: ", <$errors>;
waitpid $three, 0;

# signals
my @got;
$SIG{USR1} = sub { push @got, "USR1" };
kill USR1 => $$;
my $set = POSIX::SigSet->new(SIGUSR1);
sigprocmask(SIG_BLOCK, $set);
kill USR1 => $$ for 1 .. 3;
push @got, "blocked";
my $pending = POSIX::SigSet->new;
sigpending($pending);
push @got, "pending" if $pending->ismember(SIGUSR1);
sigprocmask(SIG_UNBLOCK, $set);
print "signals: @got\n";
my $timed = eval {
    local $SIG{ALRM} = sub { die "alarm\n" };
    ualarm(50_000);
    sleep 1000;
    1;
};
print "alarm: ", $timed ? "none\n" : $@;
$SIG{CHLD} = sub { 1 while waitpid(-1, WNOHANG) > 0 };
my $slept = 0;
if (!fork) { # ends when the parent sleeps
    my $state = "";
    until ($state eq "S") {
        open my $stat, "<", "/proc/" . getppid . "/stat" or POSIX::_exit(1);
        $state = (split " ", <$stat>)[2];
    }
    POSIX::_exit(0);
}
$slept = sleep 100;
print "woken by SIGCHLD: ", $slept < 99 ? "yes" : "no", "\n";
$SIG{CHLD} = "DEFAULT";
if (!($pid = fork)) { sleep 1000; exit }
kill STOP => $pid;
my $stopped = waitpid $pid, WUNTRACED;
open my $stat, "<", "/proc/$pid/stat" or die;
print "stopped: ", $stopped == $pid, " ", (split " ", <$stat>)[2], "\n";
kill CONT => $pid;
kill KILL => $pid;
waitpid $pid, 0;
print "killed: ", $? & 127, "\n";

# System V
my $queue = msgget(IPC_PRIVATE, IPC_CREAT | S_IRUSR | S_IWUSR) // die "msgget: $!";
my $memory = shmget(IPC_PRIVATE, 4096, IPC_CREAT | S_IRUSR | S_IWUSR) // die "shmget: $!";
my $semaphore = semget(IPC_PRIVATE, 1, IPC_CREAT | S_IRUSR | S_IWUSR) // die "semget: $!";
if (!($pid = fork)) {
    shmwrite($memory, "from the child", 0, 14);
    msgsnd($queue, pack("l! a*", 7, "message"), 0);
    semop($semaphore, pack("s!3", 0, 1, 0));
    POSIX::_exit(0);
}
semop($semaphore, pack("s!3", 0, -1, 0));
shmread($memory, my $read, 0, 14);
msgrcv($queue, my $message, 100, 7, 0);
waitpid $pid, 0;
print "System V: $read, ", (unpack "l! a*", $message)[1], "\n";
msgctl($queue, IPC_RMID, 0);
shmctl($memory, IPC_RMID, 0);
semctl($semaphore, 0, IPC_RMID, 0);

my ($user, $system, $children_user, $children_system) = times;
print "times: ", ($user + $system > 0 ? "own" : "none"), "\n";
exec "sh", "-c", 'echo "exec: $1"', "sh", "the same process";
