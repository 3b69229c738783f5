# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# PID 1 becomes runsvdir. One of its services is the facts themselves, which tell it to end when they have been stated.
# PAM gives the users the limits that PID 1 has, and cron closes every descriptor there could be.
ulimit -n 1024
mkdir -p /service/{facts,steady/log,mortal} /var/log/steady
printf '#!/bin/sh\ncd /work\nbash programs.sh\nkill -TERM 1\nexec sleep 1000\n' >/service/facts/run
printf '#!/bin/sh\necho begun\nexec sleep 1000\n' >/service/steady/run
printf '#!/bin/sh\nexec svlogd -t /var/log/steady\n' >/service/steady/log/run
printf '#!/bin/sh\necho life >>/tmp/lives\nexec sleep 1000\n' >/service/mortal/run
printf '#!/bin/sh\necho "$@" >>/tmp/deaths\n' >/service/mortal/finish
chmod +x /service/*/run /service/*/log/run /service/mortal/finish
exec runsvdir /service
