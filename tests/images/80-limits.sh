#!/bin/bash
# SPDX-License-Identifier: MIT
# once
# Big images: many files, 500 MB, and what does not fit.
. "$(dirname "$0")/lib.sh"
big=build/bench/payload
tools/bench/payload "$big" || exit 1
ref=oci:$big-image:latest

vm -m 620m --entrypoint /hello "$ref" </dev/null
is "500 MB and 20,000 files boot" "$code $out" "0 $(cat examples/helloworld/expected.txt)"
vm -m 300m --entrypoint /hello "$ref" </dev/null
is "too little memory: 125" $code 125
like "said with figures" "$err" '^imgtool: .*[0-9]+'
finish
