// SPDX-License-Identifier: MIT
/*
 * The first process: the boot record turned into PID 1, and what its end means.
 *
 * Without --init the entrypoint is PID 1. With it PID 1 never leaves the kernel: it reaps, forwards every signal to the
 * entrypoint, which is PID 2 in a session of its own, and ends with its status as docker's init does (128+n for a signal).
 * Failing to run the entrypoint is exit 127 when it is not there, else 126, with a text for the host.
 */
#include "abi/errno.h"
#include "abi/fcntl.h"
#include "abi/stat.h"
#include "abi/wait.h"
#include "arch/boot.h"
#include "drivers/control.h"
#include "drivers/drivers.h"
#include "fs/boot_record.h"
#include "fs/dcache.h"
#include "fs/vfs.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "net/socket.h"
#include "proc/exec.h"
#include "proc/futex.h"
#include "proc/itimer.h"
#include "proc/namespaces.h"
#include "proc/ntp.h"
#include "proc/oom.h"
#include "proc/procfs.h"
#include "proc/process.h"
#include "proc/ptrace.h"
#include "proc/signal_internal.h"
#include "proc/uts.h"
#include "vm/mm.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

int (*proc_hook_open_terminal)(struct file *out[3]);

/* ---- the record's strings ---- */

static char *copy_string(struct record_string s)
{
    char *p = kmalloc(s.len + 1ul, MEM_WAIT);
    if (!p)
        panic("no memory to start PID 1");
    memcpy(p, s.s, s.len);
    p[s.len] = 0;
    return p;
}

static char *argument(u32 n)
{
    struct record_string s = boot_record_string(&boot_record, SW_REC_ARG, n);
    return s.s ? copy_string(s) : NULL;
}

/* The value of PATH in the record's environment, last one first as the C libraries' first one wins: the first. */
static char *search_path(void)
{
    u64 cursor = 0;
    u32 len;
    const char *p;
    while ((p = boot_record_next(&boot_record, SW_REC_ENV, &cursor, &len))) {
        if (len > 5 && !memcmp(p, "PATH=", 5))
            return copy_string((struct record_string){p + 5, len - 5});
    }
    return kstrdup(DEFAULT_PATH, MEM_WAIT);
}

static int add_all(struct exec_args *a, enum sw_record_tag tag)
{
    u64 cursor = 0;
    u32 len;
    const char *p;
    int err = 0;
    while (!err && (p = boot_record_next(&boot_record, tag, &cursor, &len))) {
        char *s = copy_string((struct record_string){p, len});
        err = exec_args_add(a, s);
        kfree(s);
    }
    return err;
}

/* ---- failures ---- */

static const char *reason(int err)
{
    switch (-err) {
    case ENOENT:
        return "no such file or directory";
    case EACCES:
        return "permission denied";
    case ENOEXEC:
        return "exec format error";
    case ELIBBAD:
        return "the ELF interpreter is damaged";
    case ENOTDIR:
        return "not a directory";
    case EISDIR:
        return "is a directory";
    case ELOOP:
        return "too many levels of symbolic links";
    case E2BIG:
        return "argument list too long";
    case ENOMEM:
        return "out of memory";
    case ENAMETOOLONG:
        return "file name too long";
    case ETXTBSY:
        return "text file busy";
    default:
        return "input/output error";
    }
}

static __noreturn void fail(const char *what, const char *name, int err, const char *text)
{
    char message[512];
    snprintf(message, sizeof(message), "%s \"%s\": %s", what, name, text ? text : reason(err));
    control_exit_error(err == -ENOENT ? 127 : 126, message);
}

/* interp: the interpreter that could not be opened, or "". */
static __noreturn void fail_exec(const char *name, int err, const char *interp)
{
    char text[256];
    if (!*interp)
        fail("exec:", name, err, NULL);
    if (err == -ENOENT)
        snprintf(text, sizeof(text), "its interpreter %s is not in the image", interp);
    else
        snprintf(text, sizeof(text), "its interpreter %s: %s", interp, reason(err));
    fail("exec:", name, err, text);
}

/* ---- credentials, directory, limits ---- */

static struct cred *record_cred(void)
{
    const struct boot_record *r = &boot_record;
    struct cred *c = cred_boot();
    char option[8];
    if (boot_option("privileged", 0, option, sizeof(option)))
        c->permitted = c->bounding = c->fs.caps = CAP_ALL;
    u64 cursor = 0;
    u32 len;
    const void *p;
    struct group_list *g = group_list_alloc(r->group_count);
    struct user *u = user_find(r->uid);
    if (!g || !u)
        panic("no memory to start PID 1");
    for (u32 i = 0; i < r->group_count && (p = boot_record_next(r, SW_REC_GROUP, &cursor, &len)); i++)
        memcpy(&g->gid[i], p, sizeof(u32));
    cred_set_groups(c, g);
    user_put(c->user);
    c->user = u;
    c->uid = c->euid = c->suid = c->fs.fsuid = r->uid;
    c->gid = c->egid = c->sgid = c->fs.fsgid = r->gid;
    if (r->uid)
        c->permitted = c->fs.caps = 0;
    atomic_add(&u->threads, 1);
    return c;
}

static void default_limits(struct process *p)
{
    struct mem_stats m;
    mem_get_stats(&m);
    for (u32 i = 0; i < RLIMIT_COUNT; i++)
        p->limits[i] = (struct rlimit_k){RLIM64_INFINITY, RLIM64_INFINITY};
    p->limits[RLIMIT_STACK].soft = 8ul << 20;
    p->limits[RLIMIT_CORE].soft = 0;
    p->limits[RLIMIT_NOFILE] = (struct rlimit_k){1048576, 1048576};
    p->limits[RLIMIT_MEMLOCK] = (struct rlimit_k){8ul << 20, 8ul << 20};
    p->limits[RLIMIT_SIGPENDING].soft = p->limits[RLIMIT_SIGPENDING].hard = MAX(m.total_pages / 64, 1024ul);
    p->limits[RLIMIT_MSGQUEUE] = (struct rlimit_k){819200, 819200};
    p->limits[RLIMIT_NICE] = p->limits[RLIMIT_RTPRIO] = (struct rlimit_k){0, 0};
}

static void record_limits(struct process *p)
{
    u64 cursor = 0;
    u32 len, v[6];
    const void *item;
    default_limits(p);
    while ((item = boot_record_next(&boot_record, SW_REC_RLIMIT, &cursor, &len))) {
        memcpy(v, item, sizeof(v)); /* resource, 0, soft, hard */
        struct rlimit_k *l = &p->limits[v[0] % RLIMIT_COUNT];
        memcpy(&l->soft, &v[2], sizeof(u64));
        memcpy(&l->hard, &v[4], sizeof(u64));
    }
}

static struct fs_context *record_fs(const struct cred *c)
{
    struct path root = *vfs_root(), cwd;
    path_get(&root);
    path_get(&root);
    struct fs_context *fs = fs_context_create(&root, &root, 022);
    if (!fs)
        panic("no memory to start PID 1");
    if (!boot_record.cwd.s)
        return fs;
    const struct fs_view v = {.ctx = fs, .cred = &c->fs, .stage = WALK_EXEC_1};
    char *name = copy_string(boot_record.cwd);
    int err = path_lookup(&v, NULL, name, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &cwd);
    if (!err)
        err = inode_permission(dentry_inode(cwd.dentry), MAY_EXEC, &c->fs);
    if (err)
        fail("working directory", name, err == -ENOENT ? -EACCES : err, reason(err));
    kfree(name);
    fs_context_set_cwd(fs, &cwd);
    return fs;
}

/* ---- running the entrypoint (in its own thread) ---- */

static struct fs_view my_view(void)
{
    const struct thread *t = current_thread();
    return (struct fs_view){.ctx = t->fs, .cred = &t->cred->fs, .fsize_limit = RLIM64_INFINITY, .stage = WALK_EXEC_1};
}

static int executable(const struct fs_view *v, const char *name)
{
    struct path p;
    int err = path_lookup(v, NULL, name, LOOKUP_FOLLOW, &p);
    if (err)
        return err;
    struct inode *i = dentry_inode(p.dentry);
    err = S_ISREG(i->mode) ? inode_permission(i, MAY_EXEC, v->cred) : -EACCES;
    path_put(&p);
    return err;
}

/* As execvp(3): the first that can be run; -EACCES when there were only others. */
static int search(const struct fs_view *v, const char *name, char *found, size_t size)
{
    char *path = search_path(), *dir = path;
    int worst = -ENOENT;
    while (dir) {
        char *end = strchr(dir, ':');
        if (end)
            *end++ = 0;
        snprintf(found, size, "%s/%s", *dir ? dir : ".", name);
        int err = executable(v, found);
        if (!err) {
            kfree(path);
            return 0;
        }
        if (err == -EACCES)
            worst = err;
        dir = end;
    }
    kfree(path);
    return worst;
}

static void open_stdio(struct thread *t)
{
    struct file *f[3];
    bool terminal = boot_record.flags & SW_FLAG_TTY;
    int err = terminal && proc_hook_open_terminal ? proc_hook_open_terminal(f)
                                                  : console_open_stdio(f, boot_record.flags & SW_FLAG_STDIN_OPEN);
    if (err)
        panic("cannot open the standard streams (error %d)", -err);
    for (int i = 0; i < 3; i++) {
        int fd = fd_reserve(t->files, 0, 1024, false);
        if (fd < 0)
            panic("no descriptor for the standard streams");
        fd_install(t->files, (u32)fd, f[i]);
    }
}

static void run_entrypoint(void *arg)
{
    (void)arg;
    struct exec_args a;
    const struct fs_view v = my_view();
    char *name = argument(0), *found = kmalloc(PATH_MAX, MEM_WAIT), *interp = kmalloc(PATH_MAX, MEM_WAIT);
    if (!name || !found || !interp)
        panic("no memory to start PID 1");
    open_stdio(current_thread());
    str_copy(found, name, PATH_MAX);
    if (!strchr(name, '/') && search(&v, name, found, PATH_MAX) == -ENOENT)
        fail("exec:", name, -ENOENT, "executable file not found in $PATH");
    exec_args_init(&a, rlimit(RLIMIT_STACK));
    int err = add_all(&a, SW_REC_ARG);
    if (!err)
        err = exec_args_end_argv(&a);
    if (!err)
        err = add_all(&a, SW_REC_ENV);
    const struct exec_what what = {.name = found, .lookup = LOOKUP_FOLLOW, .unopened = interp};
    *interp = 0;
    if (!err)
        err = exec_run(&v, &what, &a);
    if (err)
        fail_exec(name, err, interp);
    exec_args_free(&a);
    control_report_pid1(name);
    kfree(name);
    kfree(found);
    kfree(interp);
}

/* ---- making it ---- */

static void link_first(struct process *p, struct thread *t, struct process *parent)
{
    struct pid *pid = p->pid_obj;
    rwsem_write_lock(&tasklist_lock);
    pid_use(pid); /* process; the first use is the thread's */
    pid_get(pid);
    pid_use(pid); /* group */
    pid_use(pid); /* session */
    p->pid = p->pgid = p->sid = t->tid = pid->nr;
    p->pgrp = p->session = pid;
    list_add_tail(&pid->group, &p->group_link);
    list_add_tail(&pid->session, &p->session_link);
    p->parent = parent;
    if (parent)
        list_add_tail(&parent->children, &p->sibling);
    p->leader = t;
    thread_get(t);
    t->process = p;
    t->sighand = p->sighand;
    process_get(p);
    pid->thread = t;
    pid->process = p;
    list_add_tail(&p->threads, &t->process_link);
    p->thread_count = p->alive = 1;
    pid_publish(pid);
    rwsem_write_unlock(&tasklist_lock);
}

static struct thread *make_process(s32 nr, void (*fn)(void *), const char *name, struct process *parent)
{
    char option[8];
    struct thread *t = thread_create(fn, NULL, name);
    struct process *p = process_alloc();
    if (!t || !p)
        panic("no memory to start PID 1");
    p->sighand = sighand_create();
    p->pid_obj = pid_alloc_nr(nr);
    t->sig = signal_state_alloc();
    t->files = fdtable_create();
    t->cred = record_cred();
    if (!p->sighand || !p->pid_obj || !t->sig || !t->files || arch_thread_alloc_fpu(&t->arch))
        panic("no memory to start PID 1");
    t->fs = record_fs(t->cred);
    p->exit_signal = SIGCHLD;
    p->dumpable = 1;
    p->unkillable = nr == 1;
    str_copy(p->comm, name, sizeof(p->comm));
    record_limits(p);
    if (boot_option("strace", 0, option, sizeof(option)))
        t->arch.sys_flags |= SYSF_STRACE;
    link_first(p, t, parent);
    return t;
}

/* ---- --init: PID 1 in the kernel ---- */

static __noreturn void init_ends(u32 status)
{
    u32 sig = status & 0x7f;
    control_exit_code(sig ? (int)(128 + sig) : (int)(status >> 8 & 0xff));
}

static void reap_all(void)
{
    struct wait_result r;
    while (process_wait(WAIT_ANY, -1, WEXITED | WNOHANG | __WALL, &r) > 0) {
        if (r.pid == 2)
            init_ends(r.status);
    }
}

static void forward_all(void)
{
    struct ksiginfo info;
    int sig;
    while ((sig = signal_dequeue(~SIGBIT(SIGCHLD), &info))) {
        struct process *p = process_find(2);
        if (!p)
            continue;
        signal_send_process(p, sig, &info);
        process_put(p);
    }
}

static void kernel_init(void *arg)
{
    struct thread *t = current_thread();
    struct process *p = t->process;
    struct waiter w;
    (void)arg;
    t->sig->blocked = ~SIGSET_KERNEL_ONLY; /* blocked: kept, not ignored; waited for: they wake us */
    t->sig->waiting = ~0ull;
    waiter_init(&w);
    waitq_add(&p->child_wait, &w);
    thread_start(make_process(2, run_entrypoint, "entrypoint", p));
    for (;;) {
        sleep_prepare(THREAD_SLEEP_INT);
        reap_all();
        forward_all();
        if (READ_ONCE(p->group_exit))
            process_container_end(p->group_status);
        sleep_until(NS_FOREVER);
    }
}

/* ---- entry points ---- */

void process_container_end(u32 wait_status)
{
    u32 sig = wait_status & 0x7f;
    if (sig)
        control_exit_signal((int)sig, wait_status & ABI_W_CORE);
    control_exit_code((int)(wait_status >> 8 & 0xff));
}

void process_start_first(void)
{
    bool with_init = boot_record.flags & SW_FLAG_INIT;
    if (!boot_record.argc)
        control_fatal("the archive has no boot record: nothing says what to run");
    control_ops.signal = signal_container;
    struct thread *t = make_process(1, with_init ? kernel_init : run_entrypoint, "init", NULL);
    init_process = t->process;
    thread_start(t);
}

void proc_init(void)
{
    char option[8];
    rwsem_init(&tasklist_lock, LOCK_PID_NS);
    futex_init();
    ptrace_init();
    itimer_module_init();
    ntp_init();
    user_init();
    namespaces_init();
    sched_fatal_signal_pending = signal_pending_fatal;
    vm_oom_kill = oom_kill;
    vdso_init();
    if (boot_record.hostname.s)
        uts_set_hostname(boot_record.hostname.s, MIN(boot_record.hostname.len, 64u));
    if (boot_record.domainname.s)
        uts_set_domainname(boot_record.domainname.s, MIN(boot_record.domainname.len, 64u));
    if (boot_record.has_time && boot_record.time > 0)
        clock_set_floor((ns_t)boot_record.time);
    if (boot_option("strace", 0, option, sizeof(option)))
        klog_set_level(LOG_INFO);
    procfs_pid_init();
    net_init(&net_caller);
    vfs_at_mounts(procfs_sys_init);
}
