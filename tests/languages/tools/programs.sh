# SPDX-License-Identifier: MIT
# shellcheck shell=bash
. lib/facts.sh
. ./files.sh
. ./processes.sh
. ./text.sh
. ./archives.sh
. ./system.sh
. ./procps.sh
facts_end
