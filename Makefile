# SPDX-License-Identifier: MIT
# Slipway. `make help` lists the targets; everything made lies in build/. One page, not recursive: sources are found
# by pattern, headers by -MMD, so a new file needs no line here.

VERSION := 6.6.0-slipway
B := build
ifeq ($(origin CC),default)
CC := gcc
endif
MAKEFLAGS += -j$(or $(JOBS),$(shell nproc)) --no-builtin-rules
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' $(1) $(2))

.PHONY: help all build run test test-full test-quick test-unit test-abi test-images test-languages lint soak fuzz bench setup clean
.SECONDARY:
.DELETE_ON_ERROR:

all: build
help:
	@sed -n 's/^##   //p' Makefile
##   make run [IMAGE=ref] [ARGS='-it -m 1g'] [CMD='ls -l']   boot an image; without IMAGE examples/helloworld
##   make test          all tests: unit, ABI (both kernels, 1 and 2 CPUs), images, languages; under 30 minutes
##   make test-full     the same, with images and languages too on both kernels with 1 and 2 CPUs
##   make test-quick    unit tests, the ABI tests on one configuration, helloworld; under 90 seconds plus building
##   make soak          stress-ng beside Linux and trinity, hours (TEST=trinity or STRESS="names" chooses)
##   make test-unit | test-abi | test-images | test-languages      one of the four (TEST=pattern chooses)
##   make build         build/imgtool, build/kernel.elf, build/kernel-debug.elf
##   make lint          clang-format, clang-tidy, cppcheck, shellcheck, a clang build, the layering of the kernel's folders
##   make fuzz          every fuzz target for 60 s (FUZZ_SECONDS=n)
##   make bench         figures against Linux: a table and build/bench.json (ROWS='boot micro' chooses)
##   make setup         install what the build and the tests need (NO_INSTALL=1 prints the command and exits 2)
##   make compile_commands.json | clean
##   Variables: CC=gcc|clang, V=1 (show commands), WERROR=1, JOBS=n, KERNEL=path, ACCEL=tcg|kvm

# ---- what is there ---------------------------------------------------------------------------------------------------

levels = $(foreach d,$(1) $(1)/* $(1)/*/* $(1)/*/*/*,$(wildcard $(d)/*.$(2)))
KERNEL_SRC := $(sort $(filter-out kernel/arch/vdso/%,$(call levels,kernel,c) $(call levels,kernel,S)))
VDSO_SRC := $(wildcard kernel/arch/vdso/*.c kernel/arch/vdso/*.S)
KERNEL_LDS := kernel/arch/kernel.ld
LIB_SRC := $(sort $(call levels,oci,c) $(call levels,initramfs-builder,c))
TOOL_SRC := $(sort $(call levels,imgtool,c))
UNIT := $(patsubst tests/unit/%.c,$B/unit/%,$(wildcard tests/unit/*.c))
ABI := $(patsubst tests/abi/%.c,$B/abi/%,$(wildcard tests/abi/*.c))
BENCH := $(patsubst tests/bench/%.c,$B/bench/%,$(wildcard tests/bench/*.c))
FUZZ := $(patsubst tests/fuzz/%.c,$B/fuzz/%,$(wildcard tests/fuzz/*.c))
TEST_SRC := $(wildcard tests/unit/*.c tests/fuzz/*.c)
PROGRAM_SRC := $(wildcard tests/bench/*.c)
SCRIPTS := $(sort .ci/run $(wildcard tests/*/*.sh) $(shell grep -lsE "^.!/bin/(ba)?sh" tools/* tools/*/* tests/*/* examples/*/* imgtool/*))

# ---- flags -----------------------------------------------------------------------------------------------------------

WARN := -Wall -Wextra $(if $(WERROR),-Werror)
cc_include = $(or $(include_$(CC)),$(eval include_$(CC) := $(shell $(CC) -print-file-name=include))$(include_$(CC)))
KERNEL_CFLAGS = -std=gnu17 $(WARN) -ffreestanding -nostdinc -isystem $(cc_include) \
	-Ikernel -isystem $B/uapi -I$B/include -DSLIPWAY_VERSION='"$(VERSION)"' \
	-m64 -march=x86-64 -mcmodel=kernel -mno-red-zone -mgeneral-regs-only -fno-pic -fno-pie -fcf-protection=none \
	-fstack-protector-strong -mstack-protector-guard=tls -mstack-protector-guard-reg=gs \
	-mstack-protector-guard-offset=40 -fno-omit-frame-pointer -fno-optimize-sibling-calls -fno-strict-aliasing \
	-fno-common -fno-strict-overflow -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables
RELEASE_CFLAGS := -O2 -g1
# The checked build: kernel/arch/kasan.h. What keeps the shadow, and the slabs, which touch free objects, are not checked.
SHADOW := 0xdffffc0000000000
NO_KASAN := kernel/arch/kasan.c kernel/mem/slab.c
kasan_gcc := --param asan-stack=1 --param asan-globals=1 --param asan-instrument-allocas=1 -fasan-shadow-offset=$(SHADOW) \
	--param asan-instrumentation-with-call-threshold=100000 -fsanitize-address-use-after-scope
kasan_clang := $(addprefix -mllvm -asan-,stack=1 globals=1 instrument-dynamic-allocas=1 use-after-scope=1 mapping-offset=$(SHADOW) \
	instrumentation-with-call-threshold=100000)
KASAN = -fsanitize=kernel-address $(kasan_$(if $(findstring clang,$(CC)),clang,gcc))
DEBUG_CFLAGS := -O1 -g -DSLIPWAY_DEBUG=1 -DSLIPWAY_KASAN=$(SHADOW) -fsanitize=undefined
KERNEL_LDFLAGS := -nostdlib -static -z max-page-size=4096 -z noexecstack --gc-sections --build-id=none \
	--no-warn-rwx-segments
# The vDSO is user code: position independent, SSE allowed, no guard that lives in the kernel's per-CPU data.
VDSO_CFLAGS = -std=gnu17 $(WARN) -O2 -ffreestanding -nostdinc -isystem $(cc_include) \
	-Ikernel -isystem $B/uapi -fPIC -m64 -march=x86-64 -fno-stack-protector -fcf-protection=none -fvisibility=hidden \
	-fno-asynchronous-unwind-tables
HOST_CFLAGS := -std=gnu17 $(WARN) -I. -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DSLIPWAY_VERSION='"$(VERSION)"' -pthread
HOST_LIBS := -ljansson -larchive -lcrypto -lzstd -lisal
SANITIZE := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
STATIC_CFLAGS := -std=gnu17 $(WARN) -I. -O1 -static -pthread -fno-pie
sources = $(shell sed -n 's,^// sources: *,,p' $(1))
cflags = $(shell sed -n 's,^// cflags: *,,p' $(1))

# ---- set-up and the headers of the ABI -------------------------------------------------------------------------------

READY := $B/.setup
$(READY): tools/packages.list tools/setup
	@tools/setup && mkdir -p $B && touch $@
setup:
	@tools/setup && mkdir -p $B && touch $(READY)

# The kernel sees the distribution's UAPI headers and nothing else of /usr/include.
UAPI := $B/uapi/.done
$(UAPI): Makefile | $(READY)
	$(Q)rm -rf $B/uapi && mkdir -p $B/uapi/sys $B/include && ln -s /usr/include/linux /usr/include/asm-generic /usr/include/video $B/uapi
	$(Q)ln -s /usr/include/$$(gcc -print-multiarch)/asm $B/uapi/asm
	$(Q)printf '%s\n' '#pragma once' '#include <linux/socket.h>' 'typedef __kernel_sa_family_t sa_family_t;' \
		'struct sockaddr {' '    sa_family_t sa_family;' '    char sa_data[14];' '};' >$B/uapi/sys/socket.h
	$(Q)echo '#pragma once' >$B/uapi/unistd.h && touch $@

# ---- the kernel, twice -----------------------------------------------------------------------------------------------

build: $B/imgtool $B/kernel.elf $B/kernel-debug.elf

# $(1): folder of objects, $(2): name of the ELF, $(3): flags, $(4): flags that $(NO_KASAN) goes without. Linked twice: the table of function names for backtraces is
# made from the first link (tools/ksyms); it lies behind the code, so no function moves, and `cmp` sees to that.
define kernel
$B/$(1)/%.c.o: kernel/%.c Makefile | $$(UAPI)
	$$(call say,CC,$$@)
	$$(Q)mkdir -p $$(@D) && $$(CC) $$(KERNEL_CFLAGS) $(3) $$(if $$(filter $$(NO_KASAN),$$<),,$(4)) -MMD -MP -c -o $$@ $$<
$B/$(1)/%.S.o: kernel/%.S Makefile | $$(UAPI)
	$$(call say,AS,$$@)
	$$(Q)mkdir -p $$(@D) && $$(CC) $$(KERNEL_CFLAGS) $(filter-out -fsanitize=%,$(3)) -D__ASSEMBLER__ -MMD -MP -c -o $$@ $$<
$B/$(1)/vdso.o: $B/vdso.so
	$$(Q)mkdir -p $$(@D) && printf '%s\n' '.section .rodata.vdso, "a"' '.global vdso_start, vdso_end' '.balign 4096' \
		'vdso_start: .incbin "$B/vdso.so"' 'vdso_end: .balign 4096' | $$(CC) -xassembler -c -o $$@ -
$B/$(2).debug: $$(KERNEL_SRC:kernel/%=$B/$(1)/%.o) $$(if $$(VDSO_SRC),$B/$(1)/vdso.o) $$(KERNEL_LDS) tools/ksyms
	$$(call say,LD,$$@)
	$$(Q)tools/ksyms </dev/null | $$(CC) -xassembler -c -o $B/$(1)/ksyms0.o -
	$$(Q)ld $$(KERNEL_LDFLAGS) -T $$(KERNEL_LDS) -o $B/$(1)/pass1.elf $$(filter %.o,$$^) $B/$(1)/ksyms0.o
	$$(Q)nm -n $B/$(1)/pass1.elf | tools/ksyms >$B/$(1)/ksyms.S && $$(CC) -xassembler -c -o $B/$(1)/ksyms.o $B/$(1)/ksyms.S
	$$(Q)ld $$(KERNEL_LDFLAGS) -T $$(KERNEL_LDS) -Map=$B/$(1)/kernel.map -o $$@ $$(filter %.o,$$^) $B/$(1)/ksyms.o
	$$(Q)nm -n $$@ | tools/ksyms | cmp - $B/$(1)/ksyms.S
$B/$(2): $B/$(2).debug
	$$(Q)strip -s -R .comment -o $$@ $$< && chmod 644 $$@
-include $$(patsubst kernel/%,$B/$(1)/%.d,$$(KERNEL_SRC))
endef
$(eval $(call kernel,kernel,kernel.elf,$(RELEASE_CFLAGS)))
$(eval $(call kernel,kernel-debug,kernel-debug.elf,$(DEBUG_CFLAGS),$(KASAN)))

$B/vdso.so: $(VDSO_SRC) $(wildcard kernel/arch/vdso/*.lds kernel/arch/vdso/*.h kernel/abi/*.h) Makefile | $(UAPI)
	$(call say,VDSO,$@)
	$(Q)$(CC) $(VDSO_CFLAGS) -shared -nostdlib -Wl,-soname=linux-vdso.so.1,--hash-style=both,-Bsymbolic,--build-id=none \
		-Wl,-z,max-page-size=4096,-z,noexecstack,--no-undefined,--no-warn-rwx-segments,-T,kernel/arch/vdso/vdso.lds -o $@.full $(VDSO_SRC)
	$(Q)strip -S -x -o $@ $@.full

# ---- the host's side: imgtool, and the two libraries once more with sanitizers ---------------------------------------

$B/host/%.o: %.c Makefile | $(READY)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(HOST_CFLAGS) -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2 -MMD -MP -c -o $@ $<
$B/asan/%.o: %.c Makefile | $(READY)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(HOST_CFLAGS) $(SANITIZE) -MMD -MP -c -o $@ $<
$B/imgtool: $(LIB_SRC:%.c=$B/host/%.o) $(TOOL_SRC:%.c=$B/host/%.o)
	$(call say,LD,$@)
	$(Q)$(CC) -pthread -o $@ $^ $(HOST_LIBS)
$B/asan/lib.a: $(LIB_SRC:%.c=$B/asan/%.o) $(patsubst %.c,$B/asan/%.o,$(filter-out imgtool/main.c,$(TOOL_SRC)))
	$(Q)rm -f $@ && ar rcs $@ $^
-include $(patsubst %.c,$B/host/%.d,$(LIB_SRC) $(TOOL_SRC)) $(patsubst %.c,$B/asan/%.d,$(LIB_SRC) $(TOOL_SRC))

# ---- tests: `// sources: a.c b.c` in a test adds files to it, `// cflags:` options ------------------------------------

KERNEL_HDR := $(call levels,kernel,h)
.SECONDEXPANSION:
$B/unit/kernel_%: tests/unit/kernel_%.c $$(call sources,tests/unit/kernel_$$*.c) $(KERNEL_HDR) Makefile | $(UAPI)
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(HOST_CFLAGS) $(SANITIZE) -Ikernel $(call cflags,$<) -o $@ $< $(call sources,$<) -lcmocka
$B/unit/%: tests/unit/%.c $(wildcard tests/unit/*.h) $B/asan/lib.a
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(HOST_CFLAGS) $(SANITIZE) $(call cflags,$<) -o $@ $< $(call sources,$<) $B/asan/lib.a -lcmocka $(HOST_LIBS)
$B/fuzz/%: tests/fuzz/%.c $(LIB_SRC) $(KERNEL_HDR) Makefile | $(UAPI)
	$(call say,FUZZ,$@)
	$(Q)mkdir -p $(@D) && clang $(HOST_CFLAGS) -O1 -g -fsanitize=fuzzer,address,undefined $(call cflags,$<) -o $@ $< \
		$(or $(call sources,$<),$(LIB_SRC) $(HOST_LIBS))
$B/abi/%_musl: tests/abi/%_musl.c $(wildcard tests/abi/*.h) Makefile | $(UAPI)
	$(call say,ABI,$@)
	$(Q)mkdir -p $(@D) && musl-gcc $(STATIC_CFLAGS) $(call cflags,$<) -idirafter $B/uapi -o $@ $<
$B/abi/%_pie: tests/abi/%_pie.c $(wildcard tests/abi/*.h) Makefile | $(READY)
	$(call say,ABI,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(filter-out -static -fno-pie,$(STATIC_CFLAGS)) -fPIE -static-pie $(call cflags,$<) -o $@ $<
$B/abi/%: tests/abi/%.c $(wildcard tests/abi/*.h) Makefile | $(READY)
	$(call say,ABI,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(STATIC_CFLAGS) $(call cflags,$<) -o $@ $<
$B/bench/first: tests/bench/first.c Makefile | $(UAPI)
	$(call say,BENCH,$@)
	$(Q)mkdir -p $(@D) && musl-gcc $(STATIC_CFLAGS) -O2 -s -idirafter $B/uapi -o $@ $<
$B/bench/%: tests/bench/%.c $(wildcard tests/bench/*.h) Makefile | $(READY)
	$(call say,BENCH,$@)
	$(Q)mkdir -p $(@D) && $(CC) $(STATIC_CFLAGS) -O2 $(call cflags,$<) -o $@ $<

RUN_TEST := B=$B tools/test $(if $(TEST),-t '$(TEST)')
test: build $(UNIT) $(ABI)
	@$(RUN_TEST) unit abi images languages
test-full: build $(UNIT) $(ABI)
	@FULL=1 CONFIGS="$(or $(CONFIGS),release:1 debug:2 release:2 debug:1)" $(RUN_TEST) unit abi images languages
test-quick: build $(UNIT) $(ABI)
	@$(RUN_TEST) -q unit abi hello
test-unit: $(UNIT)
	@$(RUN_TEST) unit
test-abi: build $(ABI)
	@$(RUN_TEST) abi
test-images: build
	@$(RUN_TEST) images
test-languages: build
	@$(RUN_TEST) languages

soak: build
	@$(RUN_TEST) soak
fuzz: $(FUZZ)
	@tools/fuzz $(or $(FUZZ_SECONDS),60) $(FUZZ)
bench: build $(BENCH)
	@tools/bench/run $(ROWS)

# ---- the rest --------------------------------------------------------------------------------------------------------

run: $B/imgtool $B/kernel.elf
	@tools/run "$(IMAGE)" $(ARGS) -- $(CMD)
lint: compile_commands.json
	@tools/lint $(SCRIPTS)

# One line a source: directory, file, command. clang's spelling, for clang-tidy and editors.
compile_commands.json: CC := clang
compile_commands.json: $(KERNEL_SRC) $(LIB_SRC) $(TOOL_SRC) $(TEST_SRC) $(PROGRAM_SRC) Makefile | $(UAPI)
	$(call say,GEN,$@)
	$(file >$B/cc.list)$(foreach f,$(filter %.c,$(KERNEL_SRC)),$(file >>$B/cc.list,$f clang $(KERNEL_CFLAGS) $(DEBUG_CFLAGS) $(KASAN) -c $f))
	$(foreach f,$(LIB_SRC) $(TOOL_SRC) $(TEST_SRC),$(file >>$B/cc.list,$f clang $(HOST_CFLAGS) -Ikernel $(call cflags,$f) -c $f))
	$(foreach f,$(PROGRAM_SRC),$(file >>$B/cc.list,$f clang $(filter-out -static,$(STATIC_CFLAGS)) $(call cflags,$f) -c $f))
	$(Q)sed 's/["\\]/\\&/g;s|^\([^ ]*\) \(.*\)|{"directory":"$(CURDIR)","file":"\1","command":"\2"},|;1s/^/[/;$$s/,$$/]/' $B/cc.list >$@

clean:
	rm -rf $B compile_commands.json
