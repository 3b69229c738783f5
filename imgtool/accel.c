// SPDX-License-Identifier: MIT
/*
 * The probe: an ELF of a page with a PVH entry that goes to 64-bit mode, moves vector state and writes to
 * isa-debug-exit; QEMU's exit status then tells. A guest that does not get there in time is killed, and the answer is no.
 */
#include "imgtool/accel.h"

#include "imgtool/guest.h"
#include "imgtool/output.h"
#include "oci/error.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define PROBE_VERSION 2 /* to be raised when the guest below tries more */
#define TIME_LIMIT_MS 2500
#define LOAD_ADDRESS 0x100000u
#define MEMORY_SIZE 0x8000u /* code, page tables from 0x4000, vector state at 0x7000 */
#define EXIT_STATUS 99      /* isa-debug-exit: (0x31 << 1) | 1 */
#define XEN_ELFNOTE_PHYS32_ENTRY 18

/* The guest. It is data to us: only differences of its labels are used, so it needs no relocation. */
__asm__(".pushsection .rodata\n"
        ".balign 16\n"
        "probe_guest_start:\n"
        ".code32\n"
        "   movl $0x105003, 0x104000\n" /* PML4[0] -> PDPT */
        "   movl $0x106003, 0x105000\n" /* PDPT[0] -> PD */
        "   movl $0x000083, 0x106000\n" /* PD[0]: 2 MiB at 0 */
        "   movl $0x104000, %eax\n"
        "   movl %eax, %cr3\n"
        "   movl %cr4, %eax\n"
        "   orl $0x20, %eax\n" /* PAE */
        "   movl %eax, %cr4\n"
        "   movl $0xc0000080, %ecx\n" /* EFER.LME */
        "   rdmsr\n"
        "   orl $0x100, %eax\n"
        "   wrmsr\n"
        "   movl %cr0, %eax\n"
        "   orl $0x80000001, %eax\n" /* PG, PE */
        "   movl %eax, %cr0\n"
        "   lgdt 0x100000 + (probe_gdtr - probe_guest_start)\n"
        "   ljmp $8, $0x100000 + (probe_long - probe_guest_start)\n"
        ".code64\n"
        "probe_long:\n"
        "   movl $1, %eax\n"
        "   cpuid\n"
        "   btl $26, %ecx\n" /* XSAVE: some nested hypervisors hang for ever at the first XRSTOR */
        "   jnc 2f\n"
        "   movq %cr4, %rax\n"
        "   orl $0x40600, %eax\n" /* OSXSAVE, OSXMMEXCPT, OSFXSR */
        "   movq %rax, %cr4\n"
        "   movl $0xd, %eax\n"
        "   xorl %ecx, %ecx\n"
        "   cpuid\n"
        "   xorl %ecx, %ecx\n"
        "   xsetbv\n"
        "   xsave64 0x107000\n"
        "   xrstor64 0x107000\n"
        "2:\n"
        "   movabsq $0x3100000000, %rax\n"
        "   shrq $32, %rax\n" /* 0x31 only if 64-bit registers are real */
        "   movl $0xf4, %edx\n"
        "   outl %eax, %dx\n"
        "1: hlt\n"
        "   jmp 1b\n"
        ".balign 8\n"
        "probe_gdt: .quad 0, 0x00af9b000000ffff\n"
        "probe_gdtr: .word 15\n"
        "   .long 0x100000 + (probe_gdt - probe_guest_start)\n"
        "probe_guest_end:\n"
        ".popsection\n");
extern const char probe_guest_start[], probe_guest_end[];

struct probe_elf {
    Elf64_Ehdr header;
    Elf64_Phdr load, note;
    Elf64_Nhdr note_header;
    char note_name[4];
    uint64_t entry;
    char code[512];
};

static void build_elf(struct probe_elf *e)
{
    size_t len = (size_t)(probe_guest_end - probe_guest_start);

    *e = (struct probe_elf){
        .header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                   .e_type = ET_EXEC,
                   .e_machine = EM_X86_64,
                   .e_version = EV_CURRENT,
                   .e_entry = LOAD_ADDRESS,
                   .e_phoff = offsetof(struct probe_elf, load),
                   .e_ehsize = sizeof(Elf64_Ehdr),
                   .e_phentsize = sizeof(Elf64_Phdr),
                   .e_phnum = 2},
        .load = {.p_type = PT_LOAD,
                 .p_flags = PF_R | PF_W | PF_X,
                 .p_offset = offsetof(struct probe_elf, code),
                 .p_vaddr = LOAD_ADDRESS,
                 .p_paddr = LOAD_ADDRESS,
                 .p_filesz = sizeof(e->code),
                 .p_memsz = MEMORY_SIZE,
                 .p_align = 1},
        .note = {.p_type = PT_NOTE,
                 .p_offset = offsetof(struct probe_elf, note_header),
                 .p_filesz = sizeof(e->note_header) + sizeof(e->note_name) + sizeof(e->entry),
                 .p_align = 4},
        .note_header = {.n_namesz = 4, .n_descsz = 8, .n_type = XEN_ELFNOTE_PHYS32_ENTRY},
        .note_name = "Xen",
        .entry = LOAD_ADDRESS,
    };
    memcpy(e->code, probe_guest_start, len < sizeof(e->code) ? len : sizeof(e->code));
}

static int elf_file(void)
{
    struct probe_elf e;
    int fd = memfd_create("slipway-probe", MFD_CLOEXEC);

    build_elf(&e);
    if (fd >= 0 && write(fd, &e, sizeof(e)) != sizeof(e)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Waits for the guest's end; its exit status, or -1 when it had to be killed. */
static int wait_for(pid_t pid)
{
    struct pollfd p = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    int ready = p.fd >= 0 ? poll(&p, 1, TIME_LIMIT_MS) : 0, status = 0;

    if (ready <= 0)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (p.fd >= 0)
        close(p.fd);
    return ready > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int accel_boots(const char *accel)
{
    AUTO_CLOSE int elf = elf_file(), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    char kernel[32];
    const char *argv[] = {guest_qemu(),
                          "-M",
                          "microvm,acpi=off,x-option-roms=off,pit=off,pic=off",
                          "-accel",
                          accel,
                          "-cpu",
                          "max",
                          "-m",
                          "4M",
                          "-nodefaults",
                          "-no-user-config",
                          "-display",
                          "none",
                          "-no-reboot",
                          "-device",
                          "isa-debug-exit,iobase=0xf4,iosize=4",
                          "-kernel",
                          kernel,
                          NULL};
    int keep[] = {elf, -1};
    struct oci_error ignored;
    pid_t pid;

    if (elf < 0 || null < 0)
        return -1;
    snprintf(kernel, sizeof(kernel), "/proc/self/fd/%d", elf);
    pid = guest_spawn((char *const *)argv, keep, null, &ignored);
    return pid < 0 ? -1 : wait_for(pid) == EXIT_STATUS;
}

/* ---- remembering ------------------------------------------------------------------------------------------- */

/* What the answer depends on: this start of the host, and this QEMU. */
static char *question(void)
{
    char boot[64] = "";
    AUTO_FCLOSE FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
    const char *qemu = guest_qemu();
    struct stat st = {0};

    if (f && fgets(boot, sizeof(boot), f))
        boot[strcspn(boot, "\n")] = 0;
    if (strchr(qemu, '/'))
        stat(qemu, &st);
    return oci_format("%d %s %s %lld", PROBE_VERSION, boot, qemu, (long long)st.st_mtime);
}

static bool remembered(const char *path, const char *key, bool *answer)
{
    AUTO_FCLOSE FILE *f = fopen(path, "re");
    AUTO_FREE char *line = NULL;
    size_t cap = 0;
    ssize_t len = f ? getline(&line, &cap, f) : -1;

    if (len < 5 || strncmp(line + 4, key, strlen(key)) != 0 || line[4 + strlen(key)] != '\n')
        return false;
    *answer = strncmp(line, "kvm ", 4) == 0;
    return true;
}

static void remember(const char *path, const char *key, bool answer)
{
    struct oci_error ignored;
    struct output out;

    if (output_open(&out, path, &ignored) == 0 && dprintf(out.fd, "%s %s\n", answer ? "kvm" : "tcg", key) > 0)
        output_commit(&out, 0644, &ignored);
    output_close(&out);
}

/* Whether KVM runs a guest, from memory if it is there. sure: a no is not taken from there, the host was busy maybe. */
static bool kvm_works(const char *cache_dir, bool sure)
{
    AUTO_FREE char *path = oci_format("%s/accel", cache_dir), *key = question();
    bool answer = false;
    int boots;

    if (!path || !key)
        return false;
    if (remembered(path, key, &answer) && (answer || !sure))
        return answer;
    boots = accel_boots("kvm");
    if (boots >= 0)
        remember(path, key, boots == 1);
    return boots == 1;
}

const char *accel_choose(const char *cache_dir, struct oci_error *err)
{
    const char *wish = getenv("ACCEL");
    bool can_open = access("/dev/kvm", R_OK | W_OK) == 0;

    if (!wish || !*wish)
        return can_open && kvm_works(cache_dir, false) ? "kvm" : "tcg";
    if (strcmp(wish, "tcg") == 0 || strncmp(wish, "tcg,", 4) == 0)
        return wish;
    if (strcmp(wish, "kvm") != 0)
        oci_fail(err, "use ACCEL", wish, "it is neither tcg nor kvm");
    else if (!can_open)
        oci_fail(err, "use ACCEL", wish, "/dev/kvm cannot be opened");
    else if (!kvm_works(cache_dir, true))
        oci_fail(err, "use ACCEL", wish, "KVM runs no 64-bit guest here; leave ACCEL out for QEMU's own translator");
    else
        return wish;
    return NULL;
}
