// SPDX-License-Identifier: MIT
/* Names of CPUID's feature bits, as Linux prints them; bits without a name are not shown. */
#include "proc/cpu_flags.h"

#include "arch/cpu.h"

static const char *const leaf1_edx[32] = {"fpu",  "vme",   "de",   "pse",     "tsc",  "msr", "pae",  "mce",
                                          "cx8",  "apic",  NULL,   "sep",     "mtrr", "pge", "mca",  "cmov",
                                          "pat",  "pse36", "pn",   "clflush", NULL,   "dts", "acpi", "mmx",
                                          "fxsr", "sse",   "sse2", "ss",      "ht",   "tm",  "ia64", "pbe"};
static const char *const leaf1_ecx[32] = {"pni",    "pclmulqdq", "dtes64", "monitor", "ds_cpl",
                                          "vmx",    "smx",       "est",    "tm2",     "ssse3",
                                          "cid",    "sdbg",      "fma",    "cx16",    "xtpr",
                                          "pdcm",   NULL,        "pcid",   "dca",     "sse4_1",
                                          "sse4_2", "x2apic",    "movbe",  "popcnt",  "tsc_deadline_timer",
                                          "aes",    "xsave",     NULL,     "avx",     "f16c",
                                          "rdrand", "hypervisor"};
static const char *const leaf7_ebx[32] = {
    "fsgsbase",   "tsc_adjust", "sgx",        "bmi1",     "hle",      "avx2",     "fdp_excptn_only",
    "smep",       "bmi2",       "erms",       "invpcid",  "rtm",      "cqm",      NULL,
    "mpx",        "rdt_a",      "avx512f",    "avx512dq", "rdseed",   "adx",      "smap",
    "avx512ifma", NULL,         "clflushopt", "clwb",     "intel_pt", "avx512pf", "avx512er",
    "avx512cd",   "sha_ni",     "avx512bw",   "avx512vl"};
static const char *const leaf7_ecx[32] = {
    [1] = "avx512vbmi", [2] = "umip",        [3] = "pku",   [4] = "ospke", [8] = "gfni",
    [9] = "vaes",       [10] = "vpclmulqdq", [16] = "la57", [22] = "rdpid"};
static const char *const leaf7_edx[32] = {[4] = "fsrm"};
static const char *const ext1_edx[32] = {[11] = "syscall", [20] = "nx", [25] = "fxsr_opt", [26] = "pdpe1gb",
                                         [27] = "rdtscp",  [29] = "lm", [30] = "3dnowext", [31] = "3dnow"};
static const char *const ext1_ecx[32] = {[0] = "lahf_lm", [5] = "abm", [6] = "sse4a", [8] = "3dnowprefetch"};

static void show(struct seq_buf *s, u32 bits, const char *const names[32])
{
    for (u32 i = 0; i < 32; i++) {
        if ((bits >> i & 1) && names[i])
            seq_printf(s, " %s", names[i]);
    }
}

void cpu_flags_show(struct seq_buf *s)
{
    show(s, cpu.leaf1_edx, leaf1_edx);
    show(s, cpu.ext1_edx, ext1_edx);
    if (cpu.tsc_invariant)
        seq_puts(s, " constant_tsc nonstop_tsc");
    show(s, cpu.leaf1_ecx, leaf1_ecx);
    show(s, cpu.ext1_ecx, ext1_ecx);
    show(s, cpu.leaf7_ebx, leaf7_ebx);
    if (cpu.xsaveopt)
        seq_puts(s, " xsaveopt");
    show(s, cpu.leaf7_ecx, leaf7_ecx);
    show(s, cpu.leaf7_edx, leaf7_edx);
}
