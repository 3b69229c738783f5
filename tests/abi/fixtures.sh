#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes the files that the serve_*.c tests work on:  fixtures.sh DIR
# In Slipway DIR's content is the image's /fixtures, so each file is served in place from the archive; on the host it
# is a copy made for one run (the tests change and remove what is in it). $ABI_FIXTURES names it, default /fixtures.
# Each test has a folder of its own. A file's bytes are lines of 16: its offset in hex, a colon, a tag, a newline.
set -eu
umask 022
dir=$1
mkdir -p "$dir"
cd "$dir"

# text FILE SIZE TAG(6 characters)
text() {
    awk -v n="$2" -v tag="$3" 'BEGIN { for (i = 0; i < n; i += 16) printf "%08x:%s\n", i, tag }' | head -c "$2" > "$1"
}

# A static program without libc: the ELF header, one segment, code at 0x78, then text up to $3 bytes.
program() {
    text "$1.tmp" "$3" progrm
    {
        printf '\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\76\0\1\0\0\0\170\0\100\0\0\0\0\0\100\0\0\0\0\0\0\0'
        printf '\0\0\0\0\0\0\0\0\0\0\0\0\100\0\70\0\1\0\0\0\0\0\0\0'
        printf '\1\0\0\0\5\0\0\0\0\0\0\0\0\0\0\0\0\0\100\0\0\0\0\0\0\0\100\0\0\0\0\0\0\20\0\0\0\0\0\0\0\20\0\0\0\0\0\0'
        printf '\0\20\0\0\0\0\0\0'
        printf "$2"
        tail -c +145 "$1.tmp" # behind 0x90
    } > "$1"
    rm "$1.tmp"
    chmod 755 "$1"
}
# mov $60,%eax; mov $7,%edi; syscall: exit(7), the 7 at 0x7e; padded with nops to 24 bytes
exit7='\270\74\0\0\0\277\7\0\0\0\17\5\220\220\220\220\220\220\220\220\220\220\220\220'
# mov $34,%eax; syscall; jmp back: pause() for ever
sleeper='\270\42\0\0\0\17\5\353\367\220\220\220\220\220\220\220\220\220\220\220\220\220\220\220'

mkdir read read/dir read/deep read/deep/a read/deep/a/b read/deep/a/b/c read/none
text read/page1 4096 page1.
text read/page4 16384 page4.
text read/tail 10000 tail..
text read/small 100 small.
text read/one 1 one...
text read/edge 4095 edge..
text read/over 4097 over..
text read/big 1048576 big...
: > read/empty
truncate -s 300000 read/sparse
printf 'end' >> read/sparse
text read/hard1 5000 hard..
ln read/hard1 read/hard2
ln read/hard1 read/deep/a/hard3
text read/deep/a/b/c/leaf 20 leaf..
ln -s small read/link
ln -s ../page1 read/deep/up
ln -s nowhere read/dangling
ln -s deep/a read/dirlink
mkfifo read/fifo
i=0
while [ $i -lt 300 ]; do
    echo $i > "read/dir/f$i"
    i=$((i + 1))
done
text read/mode 10 mode..
chmod 4751 read/mode
touch -d '2001-09-09 01:46:40 UTC' read/mode

mkdir map
for f in shared private cow unlink rename; do text map/$f 16384 page4.; done
for f in tail shrink; do text map/$f 10000 tail..; done
for f in small beyond; do text map/$f 100 small.; done
text map/over 4097 over..
text map/pressure 1048576 big...
text map/victim 16384 page4.
text map/fork 8192 fork..

mkdir write
for f in middle trunc rewrite punch hard whole copy; do text write/$f 16384 page4.; done
for f in grow gap append; do text write/$f 10000 tail..; done
for f in smallgrow smallgap smallappend; do text write/$f 100 small.; done
ln write/hard write/hard.2
: > write/empty
text write/attr 50 attr..

mkdir names names/full names/full/sub names/whole names/whole/x names/whole/x/y names/move names/move/in
for f in gone again moved over source link.1 sticky; do text names/$f 5000 name..; done
ln names/link.1 names/link.2
ln -s gone names/sym
for f in a b c; do text names/full/$f 10 full..; text names/whole/$f 4096 whole.; done
for f in a b; do text names/whole/x/$f 10 full..; text names/whole/x/y/$f 9000 full..; text names/move/$f 10 move..; done
text names/full/sub/leaf 10 full..
text names/move/in/leaf 10 move..

mkdir exec
program exec/seven "$exit7" 9000
program exec/changed "$exit7" 9000
program exec/small "$exit7" 4096
program exec/sleeper "$sleeper" 9000
program exec/unlinked "$sleeper" 9000
text exec/text 5000 text..
chmod 755 exec/text
