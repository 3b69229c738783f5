#!/bin/bash
# SPDX-License-Identifier: MIT
# The openssl command: speed (with its alarms and with two processes), random bytes, digests, ciphers there and back, keys, TLS.
. "$(dirname "$0")/lib.sh"
image scripting

program speed sh speed.sh
program ciphers sh ciphers.sh
program keys sh keys.sh
finish
