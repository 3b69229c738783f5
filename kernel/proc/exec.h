/* SPDX-License-Identifier: MIT */
/*
 * execve: the strings of a new program, kept in kernel pages, and the steps from a file to a running image. Boot and the
 * system call use the same core, so nothing here knows user pointers but exec_args_add_user.
 *
 * Way: exec_args_* collects argv and envp → exec_run opens the file, follows #! (script.c), checks the ELF header and its
 * interpreter (elf.c) — up to here a failure is an errno → point of no return: other threads die, the new address space is
 * built and replaces the old one, credentials, signals, descriptors follow; a failure from here on is SIGSEGV, as in Linux.
 */
#ifndef PROC_EXEC_H
#define PROC_EXEC_H

#include "abi/elf.h"
#include "abi/limits.h"
#include "fs/vfs.h"
#include "proc/cred.h"
#include "vm/mm.h"

#define EXEC_HEAD 256 /* bytes of the file looked at first: BINPRM_BUF_SIZE */
#define EXEC_MAX_SCRIPTS 5
#define EXEC_MAX_PREFIX (2 * EXEC_MAX_SCRIPTS + 2)

struct exec_args {
    struct page **pages; /* strings one after the other, each with its NUL: argv, then envp */
    u32 npages, cap;
    u64 used;                      /* bytes */
    u64 limit;                     /* bytes of strings and pointers allowed */
    u64 argv_skip;                 /* bytes at the start that #! took away (the old argv[0]) */
    u64 argv_bytes;                /* end of argv in `used` */
    u32 argc, envc;                /* as found in the pages */
    char *prefix[EXEC_MAX_PREFIX]; /* strings before argv (#!), last first */
    u32 nprefix;
    u64 prefix_bytes;
};

void exec_args_init(struct exec_args *a, u64 stack_limit);
void exec_args_free(struct exec_args *a);
int exec_args_add(struct exec_args *a, const char *s);       /* argv, then exec_args_end_argv(), then envp */
int exec_args_add_user(struct exec_args *a, uaddr_t vector); /* a NULL-terminated array of strings */
int exec_args_end_argv(struct exec_args *a);
int exec_args_push_front(struct exec_args *a, const char *s); /* before argv[0] */
void exec_args_drop_first(struct exec_args *a);               /* removes argv[0] */
u64 exec_args_next(const struct exec_args *a, u64 off);       /* offset behind the string at off */
u64 exec_args_bytes(const struct exec_args *a);               /* of all strings, prefix and file name excluded */
/* Writes the strings at `at` of mm. -EFAULT. */
int exec_args_write(const struct exec_args *a, struct mm *mm, uaddr_t to);

struct exec_what;
/* What the steps share. */
struct exec_image {
    const struct exec_what *what;
    struct exec_args *args;
    struct file *file;    /* being looked at: script, then its interpreter */
    struct file *interp;  /* PT_INTERP's, or NULL */
    const char *filename; /* as given: AT_EXECFN, comm */
    char *run_name;       /* what is run after #!: the next script's argument */
    u8 head[EXEC_HEAD];
    Elf64_Ehdr ehdr, interp_ehdr;
    Elf64_Phdr *phdrs, *interp_phdrs;
    struct cred *cred; /* prepared */
    bool secure;       /* AT_SECURE: the program gains rights */
    bool private;      /* its memory is not for others' eyes: not dumpable */
    bool exec_stack, fd_inaccessible;
    struct mm *mm;
    u64 entry, at_base, at_phdr, at_entry;
    u64 sp;
};

struct exec_what {
    const struct path *base; /* as file_open's */
    const char *name;
    u32 lookup;
    const char *shown;    /* execveat: "/dev/fd/N" for AT_EXECFN and scripts; NULL: name */
    bool fd_inaccessible; /* … which will be closed: no script can be read through it */
    char *unopened; /* for PATH_MAX bytes, or NULL: the interpreter that could not be opened; "" when it was not that */
};
/* Replaces the calling thread's program. 0: return to user mode by its frame. */
int exec_run(const struct fs_view *v, const struct exec_what *what, struct exec_args *args);
int exec_open(const struct fs_view *v, const struct path *base, const char *name, u32 lookup, struct file **out);

int script_load(struct exec_image *x, const struct fs_view *v); /* 1: not a script, 0: x->file is the interpreter now */
void exec_note_unopened(const struct exec_image *x, const char *interp);
int elf_check(struct exec_image *x, const struct fs_view *v); /* headers and interpreter; errno */
int elf_load(struct exec_image *x);                           /* into x->mm; any failure is fatal by now */
u64 exec_random_pages(u64 count);                             /* 0 … count-1; 0 without ASLR */

/* proc/vdso.c */
void vdso_init(void);
int vdso_map(struct mm *mm); /* sets mm->vdso */

#endif
