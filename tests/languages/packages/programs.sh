# SPDX-License-Identifier: MIT
# shellcheck shell=bash
. lib/facts.sh
export DEBIAN_FRONTEND=noninteractive
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*

fact "dpkg-deb reads a package; dpkg -i unpacks it and runs preinst and postinst" <<'EOF'
[ "$(dpkg-deb -f /work/slip_1.deb Version)" = 1 ]
dpkg-deb -c /work/slip_1.deb | has '^-rwxr-xr-x root/root .* ./usr/bin/slip$'
dpkg -i /work/slip_1.deb
[ "$(slip)" = "slip 1" ]
[ "$(cat /var/log/slip.log)" = "$(printf '1 preinst install\n1 postinst configure ')" ]
EOF

fact "dpkg -s, -L, -S, -V, -l, --audit, --get-selections" <<'EOF'
dpkg -s slip | has '^Status: install ok installed$'
dpkg -L slip | has '^/etc/slip/slip.conf$'
[ "$(dpkg -S /usr/bin/slip)" = "slip: /usr/bin/slip" ]
dpkg -l slip | has '^ii  slip +1 '
[ -z "$(dpkg -V slip)" ]
echo changed >>/usr/bin/slip
dpkg -V slip | has '^..5...... +/usr/bin/slip$'
[ -z "$(dpkg --audit)" ]
dpkg --get-selections slip | has 'install$'
dpkg-query -W -f '${Package} ${Version}\n' slip | has '^slip 1$'
fails 1 dpkg -s nosuchpackage
EOF

fact "an upgrade by dpkg -i keeps a changed conffile, takes the old files, and runs all the scripts" <<'EOF'
echo setting=mine >/etc/slip/slip.conf
: >/var/log/slip.log
dpkg --force-confold -i /work/slip_2.deb
[ "$(slip)" = "slip 2" ]
[ "$(cat /etc/slip/slip.conf)" = setting=mine ]
[ "$(cat /etc/slip/slip.conf.dpkg-dist)" = setting=2 ]
[ -e /usr/share/slip/2 ]
[ ! -e /usr/share/slip/1 ]
[ "$(cat /var/log/slip.log)" = "$(printf '1 prerm upgrade 2\n2 preinst upgrade 1 2\n1 postrm upgrade 2\n2 postinst configure 1')" ]
[ -z "$(dpkg -V slip | grep -v ' c ')" ]
EOF

fact "dpkg -r leaves the conffile, -P does not; a script that fails leaves the package half way, and --configure heals it" <<'EOF'
dpkg -r slip
[ -e /etc/slip/slip.conf ]
[ ! -e /usr/bin/slip ]
dpkg -l slip | has '^rc '
dpkg -P slip
[ ! -e /etc/slip ]
cp -r /work/slip_1.deb broken.deb
dpkg-deb -R broken.deb broken
printf '#!/bin/sh\n[ -e /tmp/allowed ]\n' >broken/DEBIAN/postinst
dpkg-deb -Znone -b broken broken.deb
fails 1 dpkg -i broken.deb
dpkg -s slip | has '^Status: install ok half-configured$'
dpkg --audit | has slip
touch /tmp/allowed
dpkg --configure -a
dpkg -s slip | has '^Status: install ok installed$'
dpkg -P slip
EOF

fact "apt-get install ./file.deb without a network, an upgrade, remove, purge" <<'EOF'
cd /work
: >/var/log/slip.log
apt-get -y install ./slip_1.deb
[ "$(slip)" = "slip 1" ]
apt-get -y install ./slip_2.deb
[ "$(slip)" = "slip 2" ]
apt-cache policy slip | has 'Installed: 2$'
apt-mark showmanual | has '^slip$'
apt-get -y remove slip
fails 127 slip
[ -e /etc/slip/slip.conf ]
apt-get -y purge slip
[ ! -e /etc/slip ]
grep -q '^2 postrm purge' /var/log/slip.log
apt-get check
fails 100 apt-get -y install nosuchpackage
EOF

fact "apt-get update of a file: source, and install from it" <<'EOF'
mkdir repo
cp /work/slip_*.deb repo
cd repo
for deb in *.deb; do
    dpkg-deb -f "$deb"
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum "$deb" | cut -d' ' -f1)"
done >Packages
chmod -R a+rX "$FACTS"
echo "deb [trusted=yes] file:$PWD ./" >/etc/apt/sources.list
apt-get update
apt-get -y install slip=1
[ "$(slip)" = "slip 1" ]
apt-get -y -o Dpkg::Options::=--force-confnew dist-upgrade
[ "$(slip)" = "slip 2" ]
apt-get -y purge slip
rm /etc/apt/sources.list
EOF

fact "triggers: ldconfig by libc-bin's, a file trigger by another package; debconf without a person" <<'EOF'
mkdir -p lib/DEBIAN lib/usr/lib lib/usr/share/slip
printf 'Package: slip-lib\nVersion: 1\nArchitecture: all\nMaintainer: Ann <a@example.org>\nDescription: another\n' >lib/DEBIAN/control
echo "activate-noawait ldconfig" >lib/DEBIAN/triggers
cp /lib/x86_64-linux-gnu/libutil.so.1 lib/usr/lib/libslip.so.1
echo x >lib/usr/share/slip/more
dpkg-deb -Znone -b lib lib.deb
dpkg -i /work/slip_1.deb
: >/var/log/slip.log
dpkg -i lib.deb | has '^Processing triggers for libc-bin'
grep -q '^1 postinst triggered /usr/share/slip' /var/log/slip.log
ldconfig -p >cache
[ -s /etc/ld.so.cache ]
dpkg -P slip-lib slip
echo 'debconf debconf/priority select critical' | debconf-set-selections
debconf-show debconf | has 'debconf/priority: critical'
dpkg-reconfigure debconf
EOF
facts_end
