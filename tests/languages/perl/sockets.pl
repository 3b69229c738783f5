# SPDX-License-Identifier: MIT
# Sockets of AF_UNIX: stream and datagram, servers that fork, select over many, socketpair, abstract names, options.
use strict;
use warnings;
use Errno qw(ECONNREFUSED EADDRINUSE EAGAIN EPIPE);
use IO::Poll qw(POLLIN POLLHUP);
use IO::Select;
use IO::Socket::UNIX;
use POSIX ();
use Socket;

$| = 1;
my $path = "/tmp/perl.socket";
my $server = IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => $path, Listen => 20) or die "listen: $!";
my @clients;
for my $n (1 .. 5) {
    my $pid = fork // die;
    next if $pid;
    my $client = IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $path) or POSIX::_exit(1);
    for my $k (1 .. 10) {
        print $client "client $n says $k\n";
        $client->flush;
        my $answer = <$client>;
        POSIX::_exit(2) unless $answer eq "heard client $n says $k\n";
    }
    POSIX::_exit(0);
}
my ($select, $closed, $heard) = (IO::Select->new($server), 0, 0);
while ($closed < 5) {
    for my $ready ($select->can_read(60)) {
        if ($ready == $server) { $select->add($server->accept); next }
        if (sysread $ready, my $data, 4096) { $heard += syswrite $ready, "heard $data" }
        else { $select->remove($ready); close $ready; $closed++ }
    }
}
my @codes;
while (wait > 0) { push @codes, $? >> 8 }
print "select server: $heard bytes, codes @codes\n";
print "taken: ", IO::Socket::UNIX->new(Type => SOCK_STREAM, Local => $path, Listen => 1) ? "no" : $! == EADDRINUSE, "\n";
close $server;
print "refused: ", IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $path) ? "no" : $! == ECONNREFUSED, "\n";
unlink $path;

socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die;
if (!fork) {
    close $a;
    my $sum = 0;
    while (sysread $b, my $data, 65536) { $sum += unpack "%32C*", $data }
    syswrite $b, $sum;
    POSIX::_exit(0);
}
close $b;
my $data = join "", map { chr($_ % 256) } 0 .. 99_999;
for (my $at = 0; $at < length $data;) { $at += syswrite $a, $data, length($data) - $at, $at }
shutdown $a, 1;
sysread $a, my $sum, 100;
wait;
print "sum: $sum ", unpack("%32C*", $data), "\n";

my $abstract = pack_sockaddr_un("\0perl/abstract");
socket(my $receiver, AF_UNIX, SOCK_DGRAM, 0) or die;
bind($receiver, $abstract) or die "bind: $!";
socket(my $sender, AF_UNIX, SOCK_DGRAM, 0) or die;
bind($sender, pack_sockaddr_un("/tmp/perl.sender")) or die;
send($sender, "datagram $_", 0, $abstract) for 1 .. 3;
for (1 .. 3) {
    my $from = recv $receiver, my $message, 100, 0;
    print "$message from ", unpack_sockaddr_un($from), "\n";
}
$receiver->blocking(0);
print "empty: ", defined recv($receiver, my $none, 100, 0) ? "no" : $! == EAGAIN, "\n";
setsockopt($receiver, SOL_SOCKET, SO_PASSCRED, pack "i", 1) or die;
print "options: ", join(" ", map { unpack "i", getsockopt $receiver, SOL_SOCKET, $_ } SO_TYPE, SO_PASSCRED, SO_ACCEPTCONN), "\n";

socketpair(my $c, my $d, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die;
my $poll = IO::Poll->new;
$poll->mask($c => POLLIN);
print "poll: ", $poll->poll(0), "\n";
syswrite $d, "x";
print "poll: ", $poll->poll(60), " ", $poll->events($c) == POLLIN, "\n";
close $d;
$poll->poll(60);
print "poll: ", $poll->events($c) == (POLLIN | POLLHUP), "\n";
$SIG{PIPE} = "IGNORE";
print "closed: ", defined syswrite($c, "y") ? "no" : $! == EPIPE, "\n";
