#!/bin/bash
# SPDX-License-Identifier: MIT
# once
# The way from a reference to an ELF: transports, TLS, the cache, reproducible output. No machine but one is booted.
. "$(dirname "$0")/lib.sh"
registry || exit 1
hello=docker://$REGISTRY/examples/helloworld:latest
debian=docker://$REGISTRY/examples/debian-bash:latest
tool() { build/imgtool "$1" --tls-verify=false "${@:2}"; }
fresh_cache() { export XDG_CACHE_HOME=$PWD/$W/$1; rm -rf "$XDG_CACHE_HOME"; mkdir -p "$XDG_CACHE_HOME"; }

fresh_cache one
check "pull" tool pull "$debian"
check "cpio" tool cpio "$debian" -o "$W/a.cpio"
fresh_cache two
check "another cache" tool cpio "$debian" -o "$W/b.cpio"
check "the same image gives the same bytes" cmp "$W/a.cpio" "$W/b.cpio"
check "build" tool build "$debian" -o "$W/vm.elf"
like "what it writes is an ELF" "$(head -c 4 "$W/vm.elf" | tr '\177' x)" 'xELF'
check "nothing half-written is left" test -z "$(find "$W" "$XDG_CACHE_HOME" -name '*.tmp*' -o -name '*.part*' | grep -v /blobs/)"

mkdir -p "$W/gnu" "$W/bsd"
(cd "$W/gnu" && cpio -idm --quiet --no-absolute-filenames) <"$W/a.cpio" 2>"$W/gnu.err"
is "GNU cpio reads it" "$(cat "$W/gnu.err")" ""
(cd "$W/bsd" && bsdcpio -idm --quiet) <"$W/a.cpio" 2>"$W/bsd.err"
check "bsdcpio reads the same" diff -r --no-dereference -x dev "$W/gnu" "$W/bsd"
skopeo copy -q --insecure-policy --src-tls-verify=false "$debian" "oci:$W/layout:latest"
umoci unpack --image "$W/layout:latest" "$W/umoci" >/dev/null 2>&1
# imgtool writes /etc/hosts and its kind; the index and the record are no files of the image.
listing() {
    (cd "$1" && find . -path ./.slipway-index -o -path ./.slipway-boot -o -path ./etc/hosts -o -path ./etc/hostname -o \
        -path ./etc/resolv.conf -o -path ./etc/mtab -o -type f -printf '%P %y %m %U:%G %s %n\n' -o -type l -printf '%P %y %l\n' -o -printf '%P %y %m %U:%G\n' | sort)
}
listing "$W/gnu" >"$W/gnu.list"
listing "$W/umoci/rootfs" >"$W/umoci.list"
check "names, modes, owners, sizes and links are umoci's" diff "$W/umoci.list" "$W/gnu.list"
check "and contents" diff -r --no-dereference -x .slipway-index -x .slipway-boot -x hosts -x hostname -x resolv.conf -x mtab -x dev "$W/umoci/rootfs" "$W/gnu"
rm -rf "$W/gnu" "$W/bsd" "$W/umoci"

check "inspect --json is JSON with the config" sh -c "build/imgtool inspect --tls-verify=false --json $debian | jq -e '[..|strings]|index(\"bash\")'"
like "inspect tells layers" "$(tool inspect "$debian")" 'sha256:'
tool inspect "$debian" >/dev/full 2>"$W/err"
is "output that cannot be written: 125 and one line" "$? $(cat "$W/err")" "125 imgtool: write standard output: No space left on device"
# skopeo leaves a blob alone that is there, whatever it holds.
rm -r "$XDG_CACHE_HOME/slipway/layers"
for blob in "$XDG_CACHE_HOME"/slipway/blobs/sha256/*; do echo damaged >"$blob"; done
check "a cache full of damage is repaired" tool cpio "$debian" -o "$W/b.cpio"
check "and the image as it was" cmp "$W/a.cpio" "$W/b.cpio"

fresh_cache both
tool build "$debian" -o "$W/p1.elf" >"$W/p1.log" 2>&1 & one=$!
tool build "$debian" -o "$W/p2.elf" >"$W/p2.log" 2>&1 & two=$!
wait $one && wait $two
is "two at once share an empty cache" "$?$(cat "$W/p1.log" "$W/p2.log")" 0
check "and make the same" cmp "$W/p1.elf" "$W/p2.elf"

digest=$(skopeo inspect --tls-verify=false --format '{{.Digest}}' "$hello")
check "by digest" tool pull "docker://$REGISTRY/examples/helloworld@$digest"
for transport in oci oci-archive docker-archive dir; do
    suffix=:latest
    [ $transport != dir ] || suffix=
    rm -rf "$W/t-$transport"
    skopeo copy -q --insecure-policy --src-tls-verify=false "$hello" "$transport:$W/t-$transport$suffix" 2>/dev/null
    check "transport $transport:" tool cpio "$transport:$W/t-$transport$suffix" -o "$W/t.cpio"
done

# A store of buildah and podman has the layers unpacked: their digests cannot be preserved.
printf '[storage]\ndriver = "vfs"\ngraphroot = "%s/store"\nrunroot = "%s/store.run"\n' "$PWD/$W" "$PWD/$W" >"$W/storage.conf"
CONTAINERS_STORAGE_CONF=$PWD/$W/storage.conf
export CONTAINERS_STORAGE_CONF
skopeo copy -q --insecure-policy --src-tls-verify=false "$hello" containers-storage:localhost/hello:latest 2>/dev/null
check "transport containers-storage:" tool cpio containers-storage:localhost/hello:latest -o "$W/t.cpio"
tool cpio containers-storage:localhost/none:latest -o "$W/none.cpio" >"$W/out" 2>"$W/err"
is "an image the store has not: 125" $? 125
is "told in one line" "$(wc -l <"$W/err")" 1
unset CONTAINERS_STORAGE_CONF

docker=$(mktemp -d) # the names of its sockets must be short
DOCKER_HOST=unix://$docker/socket
export DOCKER_HOST
tool cpio docker-daemon:hello:latest -o "$W/none.cpio" >"$W/out" 2>"$W/err"
is "a daemon that is not there: 125, and one line" "$? $(wc -l <"$W/err")" "125 1"
like "it is the one of DOCKER_HOST" "$(cat "$W/err")" "$docker/socket"
if [ -n "$(command -v dockerd)" ] && [ "$(id -u)" = 0 ]; then
    dockerd --data-root "$docker/data" --exec-root "$docker/run" -H "$DOCKER_HOST" -p "$docker/pid" \
        --iptables=false --ip6tables=false --bridge=none --storage-driver=vfs >"$W/docker.log" 2>&1 & daemon=$!
    for ((i = 0; i < 300; i++)); do ! grep -q 'API listen' "$W/docker.log" || break; sleep 0.1; done
    skopeo copy -q --insecure-policy --src-tls-verify=false --dest-daemon-host "$DOCKER_HOST" "$hello" docker-daemon:hello:latest
    check "transport docker-daemon:" tool cpio docker-daemon:hello:latest -o "$W/t.cpio"
    kill $daemon
    wait $daemon
else
    skip "transport docker-daemon:" "no dockerd here that this user may start"
fi
rm -rf "$docker"
unset DOCKER_HOST

# TLS, with a certificate that nobody signed.
TLS=$(tools/registry start tls)
build/imgtool pull "docker://$TLS/examples/helloworld:latest" >"$W/out" 2>"$W/err"
is "an unknown certificate is refused" $? 125
like "and the reason told" "$(cat "$W/err")" 'certificate|x509'
check "--tls-verify=false" tool pull "docker://$TLS/examples/helloworld:latest"
tools/registry stop tls

# Without a network.
tools/registry stop
check "a second build works offline" tool build "$debian" -o "$W/offline.elf"
check "and gives the same" cmp "$W/offline.elf" "$W/vm.elf"
fresh_cache empty
tool build "$debian" -o "$W/none.elf" >"$W/out" 2>"$W/err"
is "an empty cache offline: 125" $? 125
is "one line" "$(wc -l <"$W/err")" 1
check "and no file" test ! -e "$W/none.elf"

# What was used within the time stays; the rest goes, under a machine that runs too.
fresh_cache pruned
tool run "oci:$W/t-oci:latest" >"$W/out" 2>"$W/err"
like "prune: what was just used stays" "$(build/imgtool prune --unused-for 1h)" '^Total reclaimed space: 0B$'
like "everything" "$(build/imgtool prune)" '^Total reclaimed space: [0-9.]+[kM]B$'
is "leaves no file of an image" "$(find "$XDG_CACHE_HOME/slipway/"{blobs,layers,builds,tmp} -type f)" ""
check "which is made again when asked for" tool run "oci:$W/t-oci:latest"

# The ELF alone, on a bare QEMU: streams on the UART.
timeout 60 qemu-system-x86_64 -accel tcg -M microvm -cpu max -m 512 -nodefaults -no-user-config -nographic -no-reboot \
    -serial stdio -kernel "$W/vm.elf" -append slipway.streams=uart </dev/null >"$W/out" 2>"$W/err" || true
check "the ELF boots on a bare QEMU" grep -q . "$W/out"
finish
