# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# sudo, su, setpriv, capsh, file capabilities.

fact "sudo: root to a user, a user to root by NOPASSWD, a user who may not; its environment and its bit" <<'EOF'
[ "$(stat -c '%a %u' /usr/bin/sudo)" = "4755 0" ]
[ "$(sudo -u ann id -un)" = ann ]
[ "$(sudo -u ann -H sh -c 'echo $HOME $SUDO_USER $SUDO_UID')" = "/home/ann root 0" ]
fails 1 setpriv --reuid ann --regid ann --init-groups sudo -n id
echo 'ann ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ann
chmod 440 /etc/sudoers.d/ann
visudo -c >/dev/null
[ "$(setpriv --reuid ann --regid ann --init-groups sudo -n sh -c 'id -u; echo $SUDO_USER')" = "$(printf '0\nann')" ]
[ "$(FOREIGN=1 sudo -u ann sh -c 'echo ${FOREIGN-reset}')" = reset ]
[ "$(sudo -u ann FOREIGN=1 sh -c 'echo $FOREIGN')" = 1 ]
fails 7 sudo -u ann sh -c 'exit 7'
fails 1 setpriv --reuid ann --regid ann --init-groups --no-new-privs sudo -n id
rm /etc/sudoers.d/ann
EOF

fact "su: to a user, with a login's environment, back by none; setpriv" <<'EOF'
[ "$(su ann -c 'id -un; id -gn' | tr '\n' ' ')" = "ann ann " ]
[ "$(su - ann -c 'echo $HOME $PWD $USER')" = "/home/ann /home/ann ann" ]
fails 7 su ann -c 'exit 7'
fails 1 su nosuch -c true
fails 1 su ann -c 'su root -c true </dev/null'
[ "$(setpriv --reuid ann --regid ann --groups 5,6 id -G)" = "1000 5 6" ]
setpriv --reuid ann --regid ann --clear-groups grep ^CapEff /proc/self/status | has '0000000000000000$'
fails 1 setpriv --reuid ann --regid ann --clear-groups cat /etc/shadow
EOF

fact "capsh: --print, --drop, --user; what is dropped cannot be done" <<'EOF'
capsh --print | has '^Bounding set =.*cap_chown'
capsh --drop=cap_chown -- -c 'grep ^CapBnd /proc/self/status' | has '[02468ace]$'
touch f
fails 1 capsh --drop=cap_chown -- -c 'chown 5 f'
[ "$(capsh --user=ann -- -c 'id -un')" = ann ]
capsh --has-p=cap_chown
fails 1 capsh --drop=cap_chown --has-b=cap_chown 2>/dev/null
EOF

fact "file capabilities: setcap on a program lets a user do what it says, and a write takes it away" <<'EOF'
cp "$(command -v chown)" .
chmod 755 chown .
touch f
fails 1 setpriv --reuid ann --regid ann --clear-groups ./chown 5 f
setcap cap_chown+ep chown
getcap chown | has 'cap_chown=ep$'
setpriv --reuid ann --regid ann --clear-groups ./chown 5 f
[ "$(stat -c %u f)" = 5 ]
cp -a chown copy
getcap copy | has 'cap_chown=ep$'
echo >>chown
[ -z "$(getcap chown)" ]
setcap -r copy
[ -z "$(getcap copy)" ]
EOF
