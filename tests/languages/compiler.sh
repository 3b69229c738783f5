#!/bin/bash
# SPDX-License-Identifier: MIT
# A developer's machine: make -j2 and gcc on a program of fifty files, and git with all a day's work needs.
. "$(dirname "$0")/lib.sh"
image compiler

facts programs bash programs.sh
finish
