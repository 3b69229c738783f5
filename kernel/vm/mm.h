/* SPDX-License-Identifier: MIT */
/*
 * Address spaces. An mm is a balanced tree of areas under mm.lock (rwsem); faults take it for reading and lock only the
 * page table they touch. users: threads; refs: anything that keeps the structure (lazy CPUs, /proc).
 */
#ifndef VM_MM_H
#define VM_MM_H

#include "arch/paging.h"
#include "lib/atomic.h"
#include "lib/list.h"
#include "sched/mutex.h"
#include "vm/mapping.h"

struct file; /* fs/: kept alive by area->ops */

#define VM_READ 1u
#define VM_WRITE 2u
#define VM_EXEC 4u
#define VM_SHARED 8u
#define VM_MAYREAD 0x10u /* what mprotect may turn on */
#define VM_MAYWRITE 0x20u
#define VM_MAYEXEC 0x40u
#define VM_GROWSDOWN 0x100u
#define VM_LOCKED 0x200u
#define VM_DONTFORK 0x400u
#define VM_WIPEONFORK 0x800u
#define VM_NORESERVE 0x1000u
#define VM_HUGEPAGE 0x2000u
#define VM_NOHUGEPAGE 0x4000u
#define VM_DONTDUMP 0x8000u
#define VM_SPECIAL 0x10000u /* vDSO, device memory: not merged, not grown, not copied by get_user_pages */
#define VM_ACCOUNT 0x20000u /* its pages count as committed */
#define VM_LOCKONFAULT 0x40000u
#define VM_RAND_READ 0x80000u /* advice without effect but in /proc/pid/maps: it keeps areas apart */
#define VM_SEQ_READ 0x100000u
#define VM_ACCESS (VM_READ | VM_WRITE | VM_EXEC)

/* What fs/ (or a driver) gives with a mapping; counts its file. */
struct vm_area_ops {
    void (*open)(struct vm_area *a);  /* a copy was made (fork, split) */
    void (*close)(struct vm_area *a); /* the area goes */
    /* "/path" for /proc/pid/maps: length written to buf, and device/inode; NULL: from `name` */
    int (*describe)(struct vm_area *a, char *buf, size_t size, u64 *dev, u64 *ino);
};
struct vm_area {
    struct rb_node node; /* mm.areas */
    uaddr_t start, end;  /* [start, end), page aligned */
    u32 flags;           /* VM_*; (mm.lock) */
    struct mm *mm;
    u64 pgoff;               /* page of `mapping` at start (anonymous: start >> PAGE_SHIFT) */
    struct mapping *mapping; /* NULL: private anonymous */
    struct rb_node map_node; /* mapping.areas (mapping.lock) */
    u64 map_subtree_last;    /* (mapping.lock) augmented */
    const struct vm_area_ops *ops;
    struct file *file;        /* opaque here */
    const char *name;         /* "[vdso]" etc. when no file; see vm_area_name() */
    struct area_label *label; /* PR_SET_VMA_ANON_NAME; NULL: none (vm/label.c) */
    uaddr_t subtree_gap;      /* augmented: largest gap below, for placing */
    uaddr_t prev_end;
    bool has_anon;             /* may hold anonymous pages; set under mm.lock for reading, never cleared */
    struct vm_area *next_dead; /* detached, to be closed once mm.lock is released */
    struct vm_area *twin;      /* fork: the copy (mm.lock for writing) */
};

/* mm.options: what prctl(2) says of a whole address space. Children and executed programs inherit them. */
#define MM_NO_HUGE 1u   /* PR_SET_THP_DISABLE */
#define MM_MDWE 2u      /* PR_SET_MDWE: nothing writable and executable, and nothing becomes executable */
#define MM_MDWE_MINE 4u /* PR_MDWE_NO_INHERIT: children do not inherit that */
#define MM_MERGE 8u     /* PR_SET_MEMORY_MERGE: told back; nothing is merged */

enum rss_kind { RSS_ANON, RSS_FILE, RSS_SHMEM, RSS_KINDS };

struct mm {
    refcount_t users; /* threads (and CLONE_VM processes); 0: areas are torn down */
    refcount_t refs;  /* structure and page-table root; users hold one together */
    struct rwsem lock;
    struct rb_root areas;
    struct vm_area *hint; /* an area found lately; NULL after any change */
    u32 area_count;
    paddr_t pgd;
    atomic64_t cpumask; /* CPUs that have it loaded */
    uaddr_t mmap_base;  /* top of the mmap region, placing goes down */
    uaddr_t brk_start, brk, stack_top, stack_start;
    uaddr_t code_start, code_end, data_start, data_end, arg_start, arg_end, env_start, env_end;
    u64 total_vm, locked_vm, data_vm, stack_vm, exec_vm; /* pages (lock for writing) */
    union {
        atomic64_t rss[RSS_KINDS]; /* pages */
        struct {
            atomic64_t rss_anon, rss_file, rss_shmem;
        };
    };
    atomic64_t pgtable_pages;
    u64 hiwater_rss;
    u64 auxv[48]; /* saved by exec for /proc/pid/auxv */
    u32 auxv_len;
    uaddr_t vdso;
    struct list aio; /* contexts of io_setup: proc/aio.c */
    u64 def_flags;   /* VM_LOCKED by mlockall(MCL_FUTURE) */
    /* limits, copied from the process's rlimits by proc/ whenever they change (bytes) */
    u64 rlim_as, rlim_data, rlim_stack, rlim_memlock;
    bool oom_victim; /* whose it is was killed for it: nobody else adds to it */
    u32 dumpable;
    u32 options; /* MM_*; changed by its own threads, atomically */
};

struct mm *mm_create(void); /* empty, users 1; NULL: no memory */
void mm_get_user(struct mm *mm);
bool mm_get_user_unless_zero(struct mm *mm);
void mm_put_user(struct mm *mm); /* the last one unmaps all; may sleep */
void mm_get(struct mm *mm);
void mm_put(struct mm *mm);
/* current->mm = mm (may be NULL: exit) and load it; takes over the caller's user reference. The caller then drops the old
 * one by mm_put_user: the teardown of an mm nobody runs needs no shootdown. */
void mm_activate(struct mm *mm);
u64 mm_rss(const struct mm *mm); /* pages, all kinds */

extern u64 vm_max_areas; /* /proc/sys/vm/max_map_count: of one mm; a mapping may be one more, as on Linux */
/* Copies the address space of `parent` (locked inside). Copy-on-write; DONTFORK/WIPEONFORK honoured. -ENOMEM. */
int mm_fork(struct mm *parent, struct mm **out);

struct vm_map_args {
    uaddr_t addr;            /* hint, or fixed */
    size_t len;              /* bytes, > 0 */
    u32 prot;                /* PROT_* */
    u32 flags;               /* MAP_* */
    struct mapping *mapping; /* NULL: anonymous (MAP_SHARED: vm/ makes a shared object) */
    u64 pgoff;
    u32 may; /* VM_MAY* allowed by the file's mode */
    const struct vm_area_ops *ops;
    struct file *file; /* reference is taken by ops->open */
    const char *name;
    u32 vm_flags;   /* extra VM_* */
    bool cap_lock;  /* CAP_IPC_LOCK: RLIMIT_MEMLOCK does not count */
    bool cap_rawio; /* CAP_SYS_RAWIO: may map below 64 KiB */
};
/* The checks that mmap(2) makes before it looks at the file: length, fixed address, MAP_FIXED_NOREPLACE. */
int vm_map_check(struct mm *mm, const struct vm_map_args *args);
/* mmap(2)'s errors. *out: the address. */
int vm_map(struct mm *mm, const struct vm_map_args *given, uaddr_t *out);
int vm_unmap(struct mm *mm, uaddr_t addr, size_t len);
int vm_protect(struct mm *mm, uaddr_t addr, size_t len, u32 prot);
/* remap_file_pages(2): a shared area, or a part of it, shows other pages of its object. */
int vm_rearrange(struct mm *mm, uaddr_t addr, size_t len, u32 prot, u64 pgoff, u32 flags);
/* Names anonymous memory for /proc/pid/maps; text NULL: takes the name away. -ENOMEM: a hole, or no memory; -EBADF: a file. */
int vm_set_label(struct mm *mm, uaddr_t addr, size_t len, const char *text);
u32 vm_inherited_options(const struct mm *mm, bool fork);
int vm_remap(struct mm *mm, uaddr_t old, size_t old_len, size_t new_len, u32 flags, uaddr_t new_addr, bool cap_lock,
             uaddr_t *out);
int vm_brk(struct mm *mm, uaddr_t brk, bool cap_lock, uaddr_t *out); /* *out: the break as it is then; never fails */
int vm_advise(struct mm *mm, uaddr_t addr, size_t len, int advice);
int vm_sync(struct mm *mm, uaddr_t addr, size_t len, u32 flags);
int vm_lock(struct mm *mm, uaddr_t addr, size_t len, u32 flags, bool cap_lock); /* flags: MLOCK_* */
int vm_lock_all(struct mm *mm, u32 flags, bool cap_lock);                       /* flags: MCL_*; 0: munlockall */
int vm_unlock(struct mm *mm, uaddr_t addr, size_t len);
int vm_incore(struct mm *mm, uaddr_t addr, size_t len, uaddr_t vec);
struct vm_area *vm_find(struct mm *mm, uaddr_t addr); /* first area with end > addr (mm.lock) */
struct vm_area *vm_next(struct vm_area *a);
const char *vm_area_name(const struct vm_area *a); /* "[heap]", "[stack]", its name, or NULL (mm.lock) */
/* What its pages are, added to *s; bytes, those named pss in units of 2^-AREA_PSS_SHIFT bytes (smaps.c; mm.lock). */
#define AREA_PSS_SHIFT 12
struct area_stats {
    u64 rss, shared_clean, shared_dirty, private_clean, private_dirty, referenced, anonymous, huge;
    u64 pss, pss_dirty, pss_anon, pss_file, pss_shmem, locked;
};
void vm_area_stats(struct vm_area *a, struct area_stats *s);
const char *vm_area_label(const struct vm_area *a); /* its own name of anonymous memory, or NULL (mm.lock) */
/* Grows a GROWSDOWN area down to addr (exec's argument pages, faults). -ENOMEM (mm.lock for writing). */
int vm_expand_stack(struct vm_area *a, uaddr_t addr);

/* Access to another address space (ptrace, /proc/pid/mem, process_vm_*, exec's argument pages): bytes moved or -EFAULT.
 * force: ignore missing write permission on private areas. */
ssize_t mm_access(struct mm *mm, uaddr_t addr, void *buf, size_t len, bool write, bool force);
/* Faults one page of a (possibly other, not yet running) mm in and returns it with a reference. */
int mm_get_page(struct mm *mm, uaddr_t addr, bool write, struct page **out);

void vm_init(void);
u64 vm_committed_pages(void);
u64 vm_commit_limit(void);                     /* pages */
extern u64 vm_overcommit, vm_overcommit_ratio; /* sys/vm/overcommit_memory: 0 to 2; percent of all memory */
/* The last user has left an mm whose list of contexts is not empty; before its areas go. Set by proc/. */
extern void (*mm_end_hook)(struct mm *mm);
/* Out of memory: kills the largest process. Set by proc/. true: something was killed or is dying, retry. */
extern bool (*vm_oom_kill)(void);

#endif
