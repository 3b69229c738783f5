# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What the language tests share: programs of the distribution, unmodified, on an image of its packages. A test NAME.sh
# sources this, calls `image` and then `program` for each program of the folder NAME, which is sent into the machine as a
# tar on its standard input; what the program must print lies beside it. Ends with `finish`.
# Where what is to be seen is whether many small programs work, the script that is sent states facts (lib/facts.sh) and
# `facts` takes the place of `program`.
# With LINUX=1 the same programs run on the host's kernel, in a chroot of the same image (tools/test languages-linux).
. "$(dirname "${BASH_SOURCE[0]}")/../images/lib.sh"
LIMIT=300
[ -z "${LINUX:-}" ] || LIMIT=60
FILES=tests/languages/$(basename "$0" .sh)
BUILT=build/languages/$(basename "$0" .sh)
# The machine's memory: the image lies in it.
MEMORY=1g
# More for `imgtool run`.
FLAGS=()

# For programs that are told what the machine should look like to them. (On Linux: what it says itself.)
MEMORY_MIB=1024
if [ -n "${LINUX:-}" ]; then
    CPUS=$(nproc)
    MEMORY_MIB=$(awk '/^MemTotal/ { print int($2 / 1024) + 1 }' /proc/meminfo)
fi
# shellcheck disable=SC2034 # of the tests
MACHINE=(env CPUS="$CPUS" MEMORY_MIB="$MEMORY_MIB")

# built SOURCE NAME COMPILER...: compiles tests/languages/SOURCE to the file NAME, which goes into the machine with the rest.
built() {
    local source=tests/languages/$1 out=$BUILT/$2
    shift 2
    mkdir -p "$BUILT"
    [ ! "$out" -nt "$source" ] || return 0
    "$@" -o "$out" "$source" >"$W/compiler" 2>&1 || { not_ok "$source compiles" "$(head -n 40 "$W/compiler")"; finish; exit 1; }
}

# image NAME: of the list tests/languages/images; sets $IMAGE.
image() {
    IMAGE=$(tools/package-image "$1") || { not_ok "the image $1"; finish; exit 1; }
    [ -z "${LINUX:-}" ] || linux_root "$1"
}

# The image's files as a folder for the chroot.
linux_root() {
    local layout=build/base-images/$1-image
    ROOT=build/test/languages-root/$1
    [ ! "$ROOT/.done" -nt "$layout/index.json" ] || return 0
    rm -rf "$ROOT"
    mkdir -p "$ROOT"
    # The layer is the largest of the blobs.
    tar -xpf "$(find "$layout/blobs" -type f -size +1M | head -n 1)" -C "$ROOT" && touch "$ROOT/.done"
}

# In namespaces of its own, as PID 1, on what Slipway has in /dev and /proc; /tmp and /work are a tmpfs, and what is written
# elsewhere goes to one above the files.
linux() {
    # shellcheck disable=SC2016 # expanded by the inner shell
    timeout -k 5 $LIMIT unshare --mount --pid --fork --kill-child --ipc --uts --net sh -euc '
        root=$1; shift
        renice -n 0 -p $$ >/dev/null
        mount --make-rprivate /
        mkdir -p "$root.above"
        mount -t tmpfs tmpfs "$root.above"
        mkdir "$root.above/upper" "$root.above/work"
        mount -t overlay -o "lowerdir=$root,upperdir=$root.above/upper,workdir=$root.above/work" overlay "$root"
        mount -t proc proc "$root/proc"
        mount -t sysfs -o ro sysfs "$root/sys"
        mount --rbind /dev "$root/dev"
        mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
        mount --bind "$root/dev/pts/ptmx" "$root/dev/ptmx"
        mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
        mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
        mkdir -p "$root/work"
        mount -t tmpfs tmpfs "$root/work"
        exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 HOME=/root \
            "$(command -v chroot)" "$root" "$@"' - "$ROOT" "$@" >"$W/out" 2>"$W/err"
    code=$?
    err=$(cat "$W/err")
}

# The command in a directory with the test's files: its output is $W/out, its code $code.
once() {
    local run=(vm -i -m "$MEMORY" ${FLAGS[@]+"${FLAGS[@]}"} "$IMAGE")
    [ -z "${LINUX:-}" ] || run=(linux)
    # shellcheck disable=SC2016 # expanded in the machine
    "${run[@]}" sh -c 'mkdir -p /work && cd /work && tar -x && exec "$@"' sh "$@" <"$W/files.tar"
}

# The folder's files, those compiled here and lib/, for the machine.
files() {
    mkdir -p "$BUILT"
    tar --owner=0 --group=0 -C "$FILES" -cf "$W/files.tar" . -C "$PWD/$BUILT" . -C "$PWD/tests/languages" lib
}

# program NAME COMMAND...: the command ends with 0, prints NAME.out and nothing else.
program() {
    local name=$1 start=$SECONDS
    shift
    files
    once "$@"
    if [ "$code" = 0 ] && cmp -s "$W/out" "$FILES/$name.out" && [ -z "$err" ]; then
        ok "$name ($((SECONDS - start)) s)"
        return
    fi
    not_ok "$name" "code $code; output (- wanted, + got):" \
        "$(diff -u --label wanted --label got "$FILES/$name.out" "$W/out" | tail -n +3 | head -n 40)" \
        "standard error:" "$(tail -n 25 <<<"$err")"
}

# facts NAME COMMAND...: the facts that the command states are this test's, and it states them to the end.
facts() {
    local name=$1 start=$SECONDS line end=
    LIMIT=800 # there are many
    shift
    files
    once env FULL="${FULL:-}" "$@"
    while IFS= read -r line; do
        case $line in
            "ok "*) count=$((count + 1)) ;;
            "not ok "*) count=$((count + 1)) bad=$((bad + 1)) ;;
            "# done") end=1 ;;
        esac
        printf '%s\n' "$line"
    done <"$W/out"
    if [ "$code" = 0 ] && [ -n "$end" ] && [ -z "$err" ]; then
        ok "$name ($((SECONDS - start)) s)"
    else
        not_ok "$name, to the end and without a complaint" "code $code; standard error:" "$(tail -n 25 <<<"$err")"
    fi
}
