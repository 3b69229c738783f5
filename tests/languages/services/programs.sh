# SPDX-License-Identifier: MIT
# shellcheck shell=bash
. lib/facts.sh
useradd -m -s /bin/bash ann 2>/dev/null || { echo 'ann:x:1000:1000::/home/ann:/bin/bash' >>/etc/passwd && echo 'ann:x:1000:' >>/etc/group && mkdir /home/ann && chown 1000:1000 /home/ann; }
. ./supervision.sh
. ./users.sh
. ./busybox.sh
facts_end
