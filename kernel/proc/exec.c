// SPDX-License-Identifier: MIT
/* execve: the order of its steps, and the new program's stack. See exec.h for the way as a whole. */
#include "proc/exec.h"

#include "abi/auxvec.h"
#include "abi/errno.h"
#include "abi/mman.h"
#include "arch/cpu.h"
#include "drivers/random.h"
#include "fs/mount.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/itimer.h"
#include "proc/posix_timer.h"
#include "proc/process.h"
#include "proc/ptrace.h"
#include "proc/rseq.h"

#include <linux/mount.h>
#include <linux/personality.h>

#define STACK_TOP USER_END
#define STACK_RANDOM_PAGES (1ull << 22)
#define STACK_EXTRA (128ul << 10) /* mapped below what is in use at the start */
#define MMAP_GAP_MIN (128ul << 20)
#define MMAP_GAP_MAX (USER_END / 6 * 5)
#define MMAP_PAD (STACK_RANDOM_PAGES * PAGE_SIZE + 256 * PAGE_SIZE) /* the random part, and the guard gap */
#define MMAP_RANDOM_PAGES (1ull << 28)
#define AT_VECTOR_MAX 24

/* ---- finding the program ---- */

int exec_open(const struct fs_view *v, const struct path *base, const char *name, u32 lookup, struct file **out)
{
    return file_open_exec(v, base, name, lookup, out);
}

void exec_note_unopened(const struct exec_image *x, const char *interp)
{
    if (x->what->unopened)
        str_copy(x->what->unopened, interp, PATH_MAX);
}

static int read_head(struct exec_image *x)
{
    memset(x->head, 0, sizeof(x->head));
    ssize_t n = file_read_kernel(x->file, x->head, sizeof(x->head), 0);
    return n < 0 ? (int)n : 0;
}

/* Follows #! until there is something that is no script. */
static int find_program(struct exec_image *x, const struct fs_view *v)
{
    for (u32 depth = 0; depth <= EXEC_MAX_SCRIPTS; depth++) {
        int err = read_head(x);
        if (!err)
            err = script_load(x, v);
        if (err > 0)
            return elf_check(x, v);
        if (err)
            return err;
    }
    return -ELOOP;
}

/* ---- the new stack ---- */

struct pusher { /* writes 64-bit words upwards, a buffer at a time */
    struct mm *mm;
    uaddr_t at;
    u32 n;
    bool failed;
    u64 buf[64];
};

static void push_flush(struct pusher *p)
{
    ssize_t bytes = (ssize_t)(p->n * sizeof(u64));
    if (mm_access(p->mm, p->at, p->buf, (size_t)bytes, true, true) != bytes)
        p->failed = true;
    p->at += (u64)bytes;
    p->n = 0;
}

static void push(struct pusher *p, u64 v)
{
    p->buf[p->n++] = v;
    if (p->n == ARRAY_SIZE(p->buf))
        push_flush(p);
}

static u32 fill_auxv(struct exec_image *x, u64 *v, u64 execfn, u64 platform, u64 random)
{
    const struct cred *c = x->cred;
    const u64 list[][2] = {
        {AT_SYSINFO_EHDR, x->mm->vdso},
        {AT_MINSIGSTKSZ, sigframe_min_size()},
        {AT_HWCAP, cpu.leaf1_edx},
        {AT_PAGESZ, PAGE_SIZE},
        {AT_CLKTCK, 100},
        {AT_PHDR, x->at_phdr},
        {AT_PHENT, sizeof(Elf64_Phdr)},
        {AT_PHNUM, x->ehdr.e_phnum},
        {AT_BASE, x->at_base},
        {AT_FLAGS, 0},
        {AT_ENTRY, x->at_entry},
        {AT_UID, c->uid},
        {AT_EUID, c->euid},
        {AT_GID, c->gid},
        {AT_EGID, c->egid},
        {AT_SECURE, x->secure},
        {AT_RANDOM, random},
        {AT_HWCAP2, cpu.fsgsbase ? ABI_HWCAP2_FSGSBASE : 0},
        {AT_RSEQ_FEATURE_SIZE, RSEQ_FEATURE_SIZE},
        {AT_RSEQ_ALIGN, RSEQ_ALIGN},
        {AT_EXECFN, execfn},
        {AT_PLATFORM, platform},
        {AT_NULL, 0},
    };
    u32 skip = x->mm->vdso ? 0 : 1;
    _Static_assert(ARRAY_SIZE(list) <= AT_VECTOR_MAX, "auxv");
    memcpy(v, list[skip], sizeof(list) - skip * sizeof(list[0]));
    return (u32)(ARRAY_SIZE(list) - skip) * 2;
}

static void push_strings(struct pusher *p, const struct exec_args *a, uaddr_t strings)
{
    struct mm *mm = p->mm;
    uaddr_t at = strings;
    mm->arg_start = at;
    for (u32 i = a->nprefix; i-- > 0;) {
        push(p, at);
        at += strlen(a->prefix[i]) + 1;
    }
    u64 base = at - a->argv_skip, off = a->argv_skip;
    for (; off < a->argv_bytes; off = exec_args_next(a, off))
        push(p, base + off);
    push(p, 0);
    mm->arg_end = mm->env_start = base + off;
    for (; off < a->used; off = exec_args_next(a, off))
        push(p, base + off);
    push(p, 0);
    mm->env_end = base + off;
}

static int write_at(struct mm *mm, uaddr_t at, const void *data, size_t n)
{
    return mm_access(mm, at, (void *)(unsigned long)data, n, true, true) == (ssize_t)n ? 0 : -EFAULT;
}

static int map_stack(struct exec_image *x, u64 top, u64 need)
{
    struct mm *mm = x->mm;
    u64 size = ALIGN_UP(need + MIN(STACK_EXTRA, mm->rlim_stack), PAGE_SIZE);
    uaddr_t at;
    struct vm_map_args a = {
        .addr = top - size,
        .len = size,
        .prot = PROT_READ | PROT_WRITE | (x->exec_stack ? PROT_EXEC : 0),
        .flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_GROWSDOWN | MAP_STACK,
        .may = VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC,
    };
    mm->stack_top = top;
    return vm_map(mm, &a, &at);
}

/*
 * From the top: 8 zero bytes, file name, environment, arguments, platform, 16 random bytes; then, 16-byte aligned at its
 * lower end, argc, argv, envp, auxv.
 */
static int build_stack(struct exec_image *x)
{
    static const char platform[] = "x86_64";
    const struct exec_args *a = x->args;
    struct mm *mm = x->mm;
    u64 top = mm->stack_top, auxv[2 * AT_VECTOR_MAX], random[2];
    size_t name_len = strlen(x->filename) + 1;
    u64 name = top - 8 - name_len, strings = name - exec_args_bytes(a);
    u64 plat = strings - exec_random_pages(512) * 16 - sizeof(platform) - 16, rnd = ALIGN_DOWN(plat, 16) - 16;
    u64 words = 1 + (a->nprefix + a->argc + 1ull) + (a->envc + 1ull) + 2 * AT_VECTOR_MAX;
    u64 sp = ALIGN_DOWN(rnd - words * 8, 16);
    int err = map_stack(x, top, top - sp);
    if (err)
        return err;
    random_bytes(random, sizeof(random));
    err = write_at(mm, name, x->filename, name_len);
    if (!err)
        err = exec_args_write(a, mm, strings);
    if (!err)
        err = write_at(mm, plat, platform, sizeof(platform));
    if (!err)
        err = write_at(mm, rnd, random, sizeof(random));
    struct pusher p = {.mm = mm, .at = sp};
    push(&p, a->nprefix + a->argc);
    push_strings(&p, a, strings);
    u32 n = fill_auxv(x, auxv, name, plat, rnd);
    for (u32 i = 0; i < n; i++)
        push(&p, auxv[i]);
    push_flush(&p);
    memcpy(mm->auxv, auxv, MIN(n * sizeof(u64), sizeof(mm->auxv)));
    mm->auxv_len = n;
    x->sp = mm->stack_start = sp;
    return err ? err : p.failed ? -EFAULT : 0;
}

/* ---- the new address space ---- */

static void place_regions(struct mm *mm)
{
    u64 gap = MIN(MAX(mm->rlim_stack, MMAP_GAP_MIN), MMAP_GAP_MAX);
    if (gap < MMAP_GAP_MAX - MMAP_PAD)
        gap += MMAP_PAD;
    mm->mmap_base = ALIGN_DOWN(USER_END - gap - exec_random_pages(MMAP_RANDOM_PAGES) * PAGE_SIZE, PAGE_SIZE);
    mm->stack_top = STACK_TOP - exec_random_pages(STACK_RANDOM_PAGES) * PAGE_SIZE;
}

static int build_mm(struct exec_image *x)
{
    struct mm *mm = mm_create();
    if (!mm)
        return -ENOMEM;
    x->mm = mm;
    process_limits_to_mm(current_process(), mm);
    if (current_thread()->mm)
        mm->options = vm_inherited_options(current_thread()->mm, false);
    place_regions(mm);
    int err = elf_load(x);
    if (!err)
        err = vdso_map(mm);
    return err ? err : build_stack(x);
}

static void switch_mm(struct exec_image *x)
{
    struct thread *t = current_thread();
    struct mm *old = t->mm;
    struct process *p = t->process;
    if (old)
        process_release_mm(t, false);
    if (x->secure || x->private) /* before the new memory can be seen: credentials come later (process_mm_to_trace) */
        WRITE_ONCE(p->dumpable, 0);
    mm_activate(x->mm);
    x->mm = NULL;
    process_mm_barrier(p);
    if (!old)
        return;
    p->maxrss = MAX(p->maxrss, MAX(mm_rss(old), old->hiwater_rss));
    mm_put_user(old);
}

/* ---- what else changes ---- */

int process_unshare_files(struct thread *t)
{
    struct fdtable *old = t->files, *new;
    if (!fdtable_shared(old))
        return 0;
    int err = fdtable_copy(old, ~0u, &new);
    if (err)
        return err;
    t->files = new;
    process_mm_barrier(t->process);
    fdtable_put(old);
    return 0;
}

static int unshare_sighand(struct thread *t)
{
    struct process *p = t->process;
    struct sighand *old = p->sighand, *new;
    if (ref_read(&old->refs) == 1)
        return 0;
    new = sighand_copy(old);
    if (!new)
        return -ENOMEM;
    u64 flags = spin_lock_irqsave(&p->siglock);
    p->sighand = t->sighand = new;
    spin_unlock_irqrestore(&p->siglock, flags);
    sighand_put(old);
    return 0;
}

/* Handlers are gone with the old program; what was ignored stays so. */
static void reset_handlers(struct sighand *h)
{
    u64 flags = spin_lock_irqsave(&h->lock);
    for (u32 i = 0; i < _NSIG; i++) {
        __sighandler_t handler = h->action[i].sa_handler;
        memset(&h->action[i], 0, sizeof(h->action[i]));
        if (handler == SIG_IGN)
            h->action[i].sa_handler = SIG_IGN;
    }
    spin_unlock_irqrestore(&h->lock, flags);
}

static void set_comm(struct thread *t, const char *filename)
{
    const char *slash = strrchr(filename, '/');
    str_copy(t->comm, slash ? slash + 1 : filename, sizeof(t->comm));
    memcpy(t->process->comm, t->comm, sizeof(t->comm));
}

static void set_exe(struct process *p, struct file *f)
{
    file_get(f);
    u64 flags = spin_lock_irqsave(&p->siglock);
    struct file *old = p->exe;
    p->exe = f;
    spin_unlock_irqrestore(&p->siglock, flags);
    if (old)
        file_put(old);
}

static void reset_thread(struct exec_image *x)
{
    struct thread *t = current_thread();
    struct signal_state *s = t->sig;
    s->altstack = s->altstack_size = 0;
    s->altstack_flags = SS_DISABLE;
    if (x->secure)
        s->pdeath_signal = 0;
    t->robust_list = 0;
    rseq_exec(t);
    t->process->membarrier = 0;
    t->clear_child_tid = 0;
    t->process->execed = true;
    t->process->exec_id++;
    t->process->exit_signal = SIGCHLD;
    t->process->dumpable = !x->secure && !x->private;
    set_comm(t, x->filename);
    set_exe(t->process, x->file);
    posix_timers_exec(t->process);
    fdtable_close_on_exec(t->files);
    cred_commit(x->cred);
    x->cred = NULL;
    if (x->secure)
        t->process->dumpable = 0;
}

static void reset_registers(struct exec_image *x)
{
    struct thread *t = current_thread();
    struct trapframe *f = arch_user_frame(&t->arch);
    arch_thread_exec(&t->arch);
    u64 call = f->orig_rax;
    memset(f, 0, sizeof(*f));
    f->orig_rax = call; /* a tracer sees execve return */
    f->rip = x->entry;
    f->rsp = x->sp;
    f->cs = USER_CS;
    f->ss = USER_SS;
    f->rflags = 0x202;
    f->rcx = f->rip; /* so that the way back may be SYSRET */
    f->r11 = f->rflags;
}

/* Past the point of no return: a failure ends the process. */
static int replace(struct exec_image *x)
{
    struct thread *t = current_thread();
    if (x->secure) /* before the memory is laid out */
        t->process->personality &= ~(u32)PER_CLEAR_ON_SETID;
    int err = build_mm(x);
    if (!err)
        err = process_kill_other_threads();
    if (!err)
        err = process_unshare_files(t);
    if (!err)
        err = unshare_sighand(t);
    if (err) {
        signal_force_fatal(SIGSEGV);
        return err;
    }
    switch_mm(x);
    reset_handlers(t->process->sighand);
    reset_thread(x);
    reset_registers(x);
    return 0;
}

static bool readable(struct file *f, const struct fs_cred *c)
{
    return inode_permission(f->inode, MAY_READ, c) == 0;
}

/* May the memory be shown to others of the user? Not what cannot be read as a file, nor what runs with borrowed ids. */
static bool shows_memory(const struct exec_image *x)
{
    const struct cred *c = current_cred();
    return c->uid == c->euid && c->gid == c->egid && readable(x->file, &c->fs) &&
           (!x->interp || readable(x->interp, &c->fs));
}

static int prepare(struct exec_image *x, const struct fs_view *v, const struct path *base, const char *name, u32 lookup)
{
    int err = exec_open(v, base, name, lookup, &x->file);
    if (err)
        return err;
    x->run_name = kstrdup(x->filename, MEM_WAIT);
    x->cred = cred_prepare();
    if (!x->run_name || !x->cred)
        return -ENOMEM;
    err = find_program(x, v);
    if (err)
        return err;
    x->private = !shows_memory(x);
    return cred_exec(x->cred, x->file->inode, x->file->path.mnt->flags & MS_NOSUID, &x->secure);
}

static void release(struct exec_image *x)
{
    if (x->mm)
        mm_put_user(x->mm);
    if (x->file)
        file_put(x->file);
    if (x->interp)
        file_put(x->interp);
    cred_discard(x->cred);
    kfree(x->run_name);
    kfree(x->phdrs);
    kfree(x->interp_phdrs);
    kfree(x);
}

int exec_run(const struct fs_view *v, const struct exec_what *what, struct exec_args *args)
{
    struct mutex *exec_lock = &current_process()->exec_lock;
    s32 old_tid = current_thread()->tid;
    struct exec_image *x = kzalloc(sizeof(*x), MEM_WAIT);
    if (!x)
        return -ENOMEM;
    if (mutex_lock_killable(exec_lock)) {
        kfree(x);
        return -ERESTARTNOINTR;
    }
    x->what = what;
    x->args = args;
    x->filename = what->shown ? what->shown : what->name;
    x->fd_inaccessible = what->fd_inaccessible;
    int err = prepare(x, v, what->base, what->name, what->lookup);
    if (!err)
        err = replace(x);
    mutex_unlock(exec_lock);
    release(x);
    if (!err && ptrace_is_traced(current_thread()))
        ptrace_exec(old_tid);
    return err;
}
