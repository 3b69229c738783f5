# SPDX-License-Identifier: MIT
# shellcheck shell=bash
. lib/facts.sh
. ./make.sh
. ./git.sh
facts_end
