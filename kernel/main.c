// SPDX-License-Identifier: MIT
/*
 * Boot as a list. kernel_main runs on the boot stack, cannot sleep, and becomes CPU 0's idle thread; what may sleep runs in
 * the thread "kworker", which does deferred work once PID 1 is on its way.
 *
 * Under emulation each basic block that runs for the first time costs microseconds, so nothing is here that PID 1 does
 * not need; the other CPUs come up beside it.
 */
#include "arch/boot.h"
#include "arch/clock.h"
#include "arch/copy.h"
#include "arch/cpu.h"
#include "arch/irq.h"
#include "arch/kasan.h"
#include "arch/paging.h"
#include "arch/percpu.h"
#include "drivers/drivers.h"
#include "fs/vfs.h"
#include "lib/printf.h"
#include "lib/string.h"
#include "mem/page.h"
#include "proc/process.h"
#include "sched/sched.h"
#include "sched/timer.h"
#include "tty/tty.h"
#include "vm/mm.h"

static __init void log_level_init(void)
{
    char value[32];
    u64 level;
    if (boot_option("console", 0, value, sizeof(value)) && strncmp(value, "ttyS0", 5) == 0)
        klog_set_level(LOG_INFO);
    if (boot_option("loglevel", 0, value, sizeof(value)) && !str_to_u64(value, 0, &level, NULL) && level <= LOG_DEBUG)
        klog_set_level((int)level);
}

/* Boot's code becomes free memory when PID 1 has had its start. */
#define FREE_TEXT_NS 50000000ull
static struct timer free_text_timer;
static struct work free_text_work;

static void free_text(struct work *w)
{
    (void)w;
    mem_free_init_text();
}

static void free_text_expired(struct timer *t)
{
    (void)t;
    work_queue(&free_text_work);
}

static void free_text_later(void)
{
    work_init(&free_text_work, free_text);
    timer_init(&free_text_timer, free_text_expired);
    timer_set(&free_text_timer, clock_monotonic() + FREE_TEXT_NS);
}

static void boot_thread(void *arg)
{
    (void)arg;
    vfs_init();            /* the root, served from the archive in place */
    proc_init();           /* the process tables; also the boot record, which says what to run and what time it is */
    drivers_init();        /* the streams that PID 1 starts with, and the control port that reports it */
    tty_init();            /* /dev/tty, /dev/console: the terminal of -t */
    process_start_first(); /* PID 1 */
    paging_drop_init();    /* code and data of boot: unmapped, ... */
    mem_free_init_data();  /* ... then free memory, */
    free_text_later();     /* the code a little later */
    smp_start_others();    /* the other CPUs, while PID 1 runs on this one */
    rcu_start_thread();    /* grace periods end from now on */
    work_run_forever();
}

void kernel_main(void)
{
    kasan_init_globals();           /* checked build: the space between global variables */
    cpu_detect();                   /* features: everything below asks */
    cpu_init_this(&percpu_area[0]); /* traps can be told from now on */
    log_level_init();               /* how much of the log is printed */
    copy_choose();                  /* memcpy's routine, before the first big copy */
    paging_init();                  /* W^X; no identity mapping, so NULL faults */
    irq_init();                     /* the local APIC; its timer is the clock's reference */
    clock_init();                   /* starts to measure; half a millisecond of what follows is the trial */
    mem_early_init();               /* what is RAM and what are archives */
    paging_map_high_ram();          /* beyond 4 GiB; needs pages for tables */
    mem_early_shadow();             /* checked build: from here on each byte of RAM is accounted for */
    mem_init();                     /* the page allocator */
    sched_init();                   /* threads */
    timer_module_init();            /* timers, grace periods */
    vm_init();                      /* address spaces */
    drivers_early_init();           /* random numbers, for hash seeds and ASLR */
    if (!kthread_start(boot_thread, NULL, "kworker"))
        panic("not enough memory to boot");
    irq_enable();
    sched_idle_loop();
}
