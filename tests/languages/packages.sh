#!/bin/bash
# SPDX-License-Identifier: MIT
# apt and dpkg, without a network: packages made here, with scripts, conffiles and triggers, installed, upgraded and removed.
. "$(dirname "$0")/lib.sh"
image tools

# deb VERSION: the package slip of that version.
deb() {
    local root=$W/slip-$1 script
    mkdir -p "$root/DEBIAN" "$root/etc/slip" "$root/usr/bin" "$root/usr/share/slip" "$BUILT"
    printf '%s\n' "Package: slip" "Version: $1" "Architecture: all" "Maintainer: Ann <ann@example.org>" "Depends: bash" \
        "Description: a package for a test" >"$root/DEBIAN/control"
    echo /etc/slip/slip.conf >"$root/DEBIAN/conffiles"
    echo "interest /usr/share/slip" >"$root/DEBIAN/triggers"
    echo "setting=$1" >"$root/etc/slip/slip.conf"
    printf '#!/bin/sh\necho slip %s\n' "$1" >"$root/usr/bin/slip"
    echo "only in $1" >"$root/usr/share/slip/$1"
    for script in preinst postinst prerm postrm; do
        printf '#!/bin/sh\nset -e\necho "%s %s $*" >>/var/log/slip.log\n' "$1" $script >"$root/DEBIAN/$script"
        chmod 755 "$root/DEBIAN/$script"
    done
    chmod 755 "$root/usr/bin/slip"
    (cd "$root" && md5sum usr/bin/slip "usr/share/slip/$1" >DEBIAN/md5sums)
    dpkg-deb --root-owner-group -Zgzip -b "$root" "$BUILT/slip_$1.deb" >&2
}
deb 1 && deb 2 || { not_ok "the packages are built"; finish; exit 1; }

facts programs bash programs.sh
finish
