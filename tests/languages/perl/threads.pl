# SPDX-License-Identifier: MIT
# Interpreter threads: each is a clone of the whole interpreter, so these copy much memory and take many locks.
use strict;
use warnings;
no warnings "threads"; # of those that die on purpose
use threads;
use threads::shared;
use Thread::Queue;
use Thread::Semaphore;

my $total : shared = 0;
my @threads = map {
    threads->create(sub { for (1 .. 2000) { lock $total; $total++ } })
} 1 .. 6;
$_->join for @threads;
print "locked: $total\n";

my ($work, $done) = (Thread::Queue->new, Thread::Queue->new);
my @workers = map {
    threads->create(sub { while (defined(my $n = $work->dequeue)) { $done->enqueue($n * $n) } return threads->tid })
} 1 .. 3;
$work->enqueue($_) for 1 .. 300;
$work->end;
my @tids = map { $_->join } @workers;
my $sum = 0;
while (defined(my $n = $done->dequeue_nb)) { $sum += $n }
print "queue: $sum, workers ", join(",", @tids), "\n";

my @turns : shared;
my @pair = map {
    my $me = $_;
    threads->create(sub {
        for (1 .. 50) {
            lock @turns;
            cond_wait @turns until @turns % 2 == $me;
            push @turns, $me;
            cond_broadcast @turns;
        }
    })
} 0, 1;
$_->join for @pair;
print "turns: ", scalar @turns, " ", join("", @turns) eq "01" x 50 ? "in turn" : "out of turn", "\n";

my $semaphore = Thread::Semaphore->new(0);
my $detached = threads->create(sub { $semaphore->up });
$detached->detach;
$semaphore->down;
print "detached\n";

my $dies = threads->create({ context => "list" }, sub { die "in a thread\n" });
$dies->join;
print "died: ", $dies->error;

my $gate : shared = 0;
my $waits = threads->create(sub { lock $gate; my $in_time = cond_timedwait $gate, time + 1; return $in_time ? "woken" : "timed out" });
print "timed wait: ", $waits->join, "\n";

my $sleeper = threads->create(sub {
    local $SIG{KILL} = sub { threads->exit(5) };
    $semaphore->up;
    sleep 1 while 1;
});
$semaphore->down;
$sleeper->kill("KILL");
$sleeper->join;
print "ended by a signal between threads\n";
print "left: ", scalar threads->list, "\n";
