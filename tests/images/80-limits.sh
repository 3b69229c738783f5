#!/bin/bash
# SPDX-License-Identifier: MIT
# once
# Big images: many files, 500 MB, and what does not fit.
. "$(dirname "$0")/lib.sh"
big=build/bench/payload
tools/bench/payload "$big" || exit 1
ref=oci:$big-image:latest

vm -m 620m "$ref" /hello </dev/null
is "500 MB and 20,000 files boot" "$code $out" "0 $(head -c 5 "$big/hello.txt")"
vm -m 300m "$ref" /hello </dev/null
is "too little memory: 125" $code 125
like "said with figures" "$err" '^imgtool: .*[0-9]+'
finish
