// SPDX-License-Identifier: MIT
/*
 * A static position-independent program: where it, its stack, heap and mappings lie, and that they lie elsewhere
 * each time (unless ADDR_NO_RANDOMIZE is set). Also programs whose headers are odd.
 */
#include "tests/abi/util.h"

#include <elf.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/personality.h>

struct layout {
    uintptr_t code, stack, heap, map, vdso, random;
};

static struct layout here(void)
{
    int on_stack;
    void *map = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t random;
    memcpy(&random, (void *)getauxval(AT_RANDOM), 8);
    return (struct layout){(uintptr_t)here, (uintptr_t)&on_stack,       (uintptr_t)sbrk(0),
                           (uintptr_t)map,  getauxval(AT_SYSINFO_EHDR), random};
}

/* The layout of a new run of this program. */
static struct layout other(int fixed)
{
    struct layout l = {0};
    int p[2];
    make_pipe(p);
    pid_t pid = tap_fork();
    if (pid == 0) {
        REQ(!fixed || personality(ADDR_NO_RANDOMIZE) >= 0);
        REQ(dup2(p[1], 100) == 100);
        execl("/proc/self/exe", "x", "layout", NULL);
        _exit(1);
    }
    REQ(read(p[0], &l, sizeof l) == sizeof l && tap_wait(pid) == 0);
    close(p[0]);
    close(p[1]);
    return l;
}

static void itself(void)
{
    struct layout l = here();
    extern const Elf64_Ehdr __ehdr_start;
    static int zeroed[3000], set[3] = {1, 2, 3}, *relocated = &set[1];
    int zero = 1;
    for (int i = 0; i < 3000; i++)
        zero &= zeroed[i] == 0;
    CHECK(zero && *relocated == 2, "its data are relocated, its bss is zeros");
    CHECK(getauxval(AT_ENTRY) == (uintptr_t)&__ehdr_start + __ehdr_start.e_entry && getauxval(AT_BASE) == 0,
          "AT_ENTRY is where it was put, AT_BASE 0");
    CHECK(getauxval(AT_PHDR) == (uintptr_t)&__ehdr_start + __ehdr_start.e_phoff, "AT_PHDR too");
    CHECK(l.code < l.stack && l.heap > 0x500000000000 && l.heap < l.stack && l.map < l.stack,
          "the stack lies above all else");
    /* 2^28 pages of chance below the gap for the stack */
    CHECK(l.stack > 0x7e0000000000 && l.map > 0x7e0000000000, "stack and mappings are at the top");
}

static void randomised(void)
{
    struct layout a = other(0), b = other(0), c = other(0);
#define DIFFER(field) (a.field != b.field || b.field != c.field)
    CHECK(DIFFER(code), "the program lies elsewhere each time");
    CHECK(DIFFER(stack), "so does the stack");
    CHECK(DIFFER(heap), "so does the heap");
    CHECK(DIFFER(map), "so do mappings");
    CHECK(DIFFER(vdso), "so does the vDSO");
    CHECK(DIFFER(random), "AT_RANDOM is other bytes each time");
    CHECK(a.code % PAGE == b.code % PAGE && a.vdso % PAGE == 0, "by whole pages");
    CHECK(a.heap - a.code != b.heap - b.code || b.heap - b.code != c.heap - c.code, "the heap apart from the program");
}

static void fixed(void)
{
    struct layout a = other(1), b = other(1);
    CHECK(a.code == b.code && a.stack == b.stack && a.heap == b.heap && a.map == b.map,
          "ADDR_NO_RANDOMIZE: always the same");
    CHECK(a.random != b.random, "AT_RANDOM still is not");
    CHECK_CHILD("a set-ID exec drops ADDR_NO_RANDOMIZE", {
        copy_file("/proc/self/exe", "prog");
        REQ(chown("prog", 1234, 1234) == 0 && chmod("prog", 06755) == 0);
        REQ(personality(ADDR_NO_RANDOMIZE) >= 0);
        drop_root();
        execl("./prog", "x", "personality", NULL);
    });
}

/* ---- odd headers: a program made by hand ---- */

static const unsigned char exit7[] = {0xb8, 60, 0, 0, 0, 0xbf, 7, 0, 0, 0, 0x0f, 0x05};

struct program {
    Elf64_Ehdr h;
    Elf64_Phdr p[3];
    unsigned char code[64];
};

static struct program minimal(void)
{
    struct program g = {.h = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                              .e_type = ET_EXEC,
                              .e_machine = EM_X86_64,
                              .e_version = EV_CURRENT,
                              .e_entry = 0x400000 + offsetof(struct program, code),
                              .e_phoff = offsetof(struct program, p),
                              .e_ehsize = sizeof(Elf64_Ehdr),
                              .e_phentsize = sizeof(Elf64_Phdr),
                              .e_phnum = 1}};
    g.p[0] = (Elf64_Phdr){.p_type = PT_LOAD,
                          .p_flags = PF_R | PF_X,
                          .p_vaddr = 0x400000,
                          .p_filesz = sizeof g,
                          .p_memsz = sizeof g,
                          .p_align = 0x1000};
    memcpy(g.code, exit7, sizeof exit7);
    return g;
}

static int run(struct program *g)
{
    char *argv[] = {"x", NULL}, *envp[] = {NULL};
    unlink("made");
    put_file("made", g, sizeof *g);
    REQ(chmod("made", 0755) == 0);
    return CHILD(execve("made", argv, envp); _exit(100 + errno));
}

static void odd_headers(void)
{
    struct program g = minimal();
    CHECK(tap_exited(run(&g), 7), "a program of one segment made by hand");
    g.p[0].p_memsz = 0x10000;
    g.p[0].p_flags = PF_R | PF_W | PF_X;
    CHECK(tap_exited(run(&g), 7), "with a bss behind it");
    g = minimal();
    g.p[0].p_offset = 1;
    CHECK(tap_exited(run(&g), 100 + EINVAL) || WIFSIGNALED(run(&g)), "an offset that does not fit the address");
    g = minimal();
    g.p[0].p_filesz = sizeof g + 0x100000;
    CHECK(WIFSIGNALED(run(&g)) || tap_exited(run(&g), 100 + EINVAL), "more in the file than in memory");
    g = minimal();
    g.p[0].p_vaddr = 0xffff800000000000;
    CHECK(WIFSIGNALED(run(&g)) || WEXITSTATUS(run(&g)) > 100, "a segment in the kernel's half");
    g = minimal();
    g.h.e_entry = 0xffffffff81000000;
    CHECK(tap_killed(run(&g), SIGSEGV), "an entry in the kernel's half");
    g = minimal();
    g.h.e_entry = 0x10;
    CHECK(tap_killed(run(&g), SIGSEGV), "an entry where nothing is");
    g = minimal();
    g.h.e_phnum = 2;
    g.p[1] =
        (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = offsetof(struct program, code) + 32, .p_filesz = 8, .p_memsz = 8};
    memcpy(g.code + 32, "absent!", 8);
    CHECK(tap_exited(run(&g), 100 + ENOENT), "an interpreter that is not there");
    memcpy(g.code + 32, "/./././", 8);
    CHECK(tap_exited(run(&g), 100 + EACCES), "an interpreter that is a directory");
    memset(g.code + 32, 'x', 8);
    CHECK(tap_exited(run(&g), 100 + ENOEXEC), "an interpreter's name without its end");
    put_text("text", "no program at all, and long enough for a header: 0123456789 0123456789 0123456789");
    REQ(chmod("text", 0755) == 0);
    memcpy(g.code + 32, "./text\0", 8);
    CHECK(tap_exited(run(&g), 100 + ELIBBAD), "an interpreter that is no program");
    g = minimal();
    g.h.e_phnum = 2;
    g.p[1] = (Elf64_Phdr){.p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W | PF_X};
    CHECK(tap_exited(run(&g), 7), "an executable stack asked for");
    g = minimal();
    g.h.e_phoff = 0xfffffffffffff000;
    CHECK(tap_exited(run(&g), 100 + EINVAL) || tap_exited(run(&g), 100 + ENOEXEC) || tap_exited(run(&g), 100 + EIO),
          "headers behind the end of the file");
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "layout")) {
        struct layout l = here();
        return write(100, &l, sizeof l) != sizeof l;
    }
    if (argc == 2)
        return personality(0xffffffff) != 0;
    REQ(chmod(".", 0755) == 0);
    itself();
    randomised();
    fixed();
    odd_headers();
    return tap_end();
}
