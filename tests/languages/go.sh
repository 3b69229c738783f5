#!/bin/bash
# SPDX-License-Identifier: MIT
# A static Go program, compiled here with the distribution's Go: goroutines, preemption by signals, collector, processes.
. "$(dirname "$0")/lib.sh"
image scripting
built go/main.go main env CGO_ENABLED=0 GO111MODULE=off GOFLAGS= GOCACHE="$PWD/build/languages/go-cache" go build

program main "${MACHINE[@]}" ./main
finish
