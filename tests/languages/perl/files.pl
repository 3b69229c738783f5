# SPDX-License-Identifier: MIT
# Files and text: locks, directories, links, times, permissions, find, large regular expressions, sorting, pack, big numbers.
use strict;
use warnings;
use Cwd;
use Digest::SHA qw(sha256_hex);
use Errno;
use Fcntl qw(:flock :seek :mode F_GETFL F_SETFD F_GETFD FD_CLOEXEC O_RDWR O_CREAT O_EXCL);
use File::Copy;
use File::Find;
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempfile);
use Math::BigInt;
use POSIX ();
use Storable qw(freeze thaw);

chdir "/tmp" or die;
make_path("tree/a/b/c", "tree/d");
for my $name (qw(tree/a/1 tree/a/b/2 tree/a/b/c/3 tree/d/4)) {
    open my $file, ">", $name or die;
    print $file "file $name\n" x 100;
}
my @found;
find(sub { push @found, $File::Find::name if -f }, "tree");
print "found: @{[sort @found]}\n";
symlink "a/b", "tree/link" or die;
link "tree/a/1", "tree/hard" or die;
rename "tree/d/4", "tree/d/renamed" or die;
print "links: ", readlink "tree/link", " ", (stat "tree/hard")[3], " ", -l "tree/link" ? "symbolic" : "", "\n";
chmod 0640, "tree/a/1";
utime 1000000000, 1000000001, "tree/a/1";
my @stat = stat "tree/a/1";
printf "stat: %o %d %d %d\n", S_IMODE($stat[2]), @stat[7, 8, 9];
copy("tree/a/1", "tree/copy") or die;
print "copied: ", -s "tree/copy", "\n";
truncate "tree/copy", 10;
print "truncated: ", -s "tree/copy", "\n";
opendir my $directory, "tree" or die;
print "entries: @{[sort grep { !/^\./ } readdir $directory]}\n";
closedir $directory;
print "not empty: ", rmdir "tree/a" ? "no" : $!{ENOTEMPTY} ? "ENOTEMPTY" : $!, "\n";
remove_tree("tree");
print "removed: ", -e "tree" ? "no" : "yes", " ", getcwd, "\n";

my ($file, $name) = tempfile(DIR => "/tmp");
print "exclusive: ", sysopen(my $again, $name, O_RDWR | O_CREAT | O_EXCL) ? "no" : $!{EEXIST} ? "EEXIST" : $!, "\n";
print "close on exec: ", fcntl($file, F_GETFD, 0) & FD_CLOEXEC, "\n";
print $file "count 0\n";
$file->flush;
for my $n (1 .. 4) {
    next if fork;
    for (1 .. 50) {
        open my $own, "+<", $name or POSIX::_exit(1);
        flock $own, LOCK_EX or POSIX::_exit(2);
        my ($count) = <$own> =~ /(\d+)/;
        seek $own, 0, SEEK_SET;
        print $own "count ", $count + 1, "\n";
        close $own;
    }
    POSIX::_exit(0);
}
my $codes = "";
while (wait > 0) { $codes .= $? }
seek $file, 0, SEEK_SET;
print "under locks: ", scalar <$file>;
flock $file, LOCK_SH;
open my $other, "<", $name;
print "shared: ", flock($other, LOCK_SH | LOCK_NB) ? "yes" : "no", ", exclusive: ", flock($other, LOCK_EX | LOCK_NB) ? "yes" : "no", "\n";

my $text = join " ", map { "word$_" } 1 .. 20000;
my %seen;
$seen{length $1}++ while $text =~ /(\w+)/g;
print "words: ", join(" ", map { "$_:$seen{$_}" } sort keys %seen), "\n";
(my $changed = $text) =~ s/(\d+)/$1 * 2/ge;
print "changed: ", sha256_hex($changed) =~ /^(.{16})/, "\n";
my @sorted = sort { $a <=> $b } map { ($_ * 7919) % 20011 } 1 .. 20010;
print "sorted: @sorted[0 .. 3] $sorted[-1]\n";
print "big: ", Math::BigInt->new(2)->bpow(200), "\n";
print "pack: ", unpack("H*", pack "N n C a3 q<", 1, 2, 3, "abc", -2), "\n";
print "thawed: ", thaw(freeze({ list => [1 .. 5] }))->{list}[4], "\n";
print "time: ", POSIX::strftime("%Y-%m-%d %H:%M:%S", gmtime 86400 * 365), "\n";
printf "numbers: %.10f %.6e %s\n", atan2(1, 1) * 4, exp(50), 9 ** 20;
my @grown;
$grown[$_] = "x" x ($_ % 1000) for 0 .. 20000;
print "memory: ", length join("", @grown), "\n";
