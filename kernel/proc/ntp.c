// SPDX-License-Identifier: MIT
/*
 * The discipline of the clock: the kernel model of RFC 5905 with Linux's limits and units.
 *
 * The clock runs at   1 + tick + freq + phase
 *   tick    ADJ_TICK: microseconds that pass in a hundredth of a second
 *   freq    ADJ_FREQUENCY, and what the loops make of ADJ_OFFSET: the phase-locked one in proportion to the time between two
 *           offsets, the frequency-locked one when that time is long
 *   phase   this second's part of what is still to be made up: of ADJ_OFFSET a fixed share (so it fades away), of
 *           ADJ_OFFSET_SINGLESHOT (adjtime) at most 500 us
 * The first two hold as soon as they are given, phase from the next full second. It is reckoned as what to add within one
 * second; the second that a machine under load makes longer adds too much, which is taken from the next (end_phase).
 *
 * A second's end is seen by a timer of the wall clock, which runs only while there is something to do in it: phase, a
 * leap second, or the error bound, which grows by 500 us a second until it says that nobody sets the clock. Work of that
 * second is done by the work thread, for every CPU's timers are to know of a new rate.
 *
 * Leap seconds, `state`, as adjtimex(2) returns it:
 *   TIME_OK   ──STA_INS──► TIME_INS  ──midnight: a second again──► TIME_OOP ──the next second──► TIME_WAIT
 *   TIME_OK   ──STA_DEL──► TIME_DEL  ──a second before midnight: it is left out──► TIME_WAIT
 *   TIME_INS, TIME_DEL   ──their bit is cleared──► TIME_OK
 *   TIME_WAIT ──both bits are cleared──► TIME_OK
 *   any       ──STA_PLL is cleared──► TIME_OK
 *
 * A clock that is set is no longer adjusted: what was still to be made up is dropped, and STA_UNSYNC is set.
 *
 * Lock: ntp_lock (S) covers all of it, and makes a change of the clock and what is told of it one.
 */
#include "proc/ntp.h"

#include "abi/errno.h"
#include "arch/clock.h"
#include "fs/timerfd.h"
#include "sched/mutex.h"
#include "sched/timer.h"

#define NS(n) ((s64)(n) * (1LL << 32)) /* rates and offsets are counted in 2^-32 ns, by the second */
#define FREQ_UNIT_SHIFT 16             /* timex.freq: 2^-16 ppm */
#define PPM NS(1000)
#define MAX_FREQ (500 * PPM)
#define MAX_PHASE_NS 500000000
#define MAX_PART NS(125500000) /* of it and of adjtime's, in a second */
#define ERROR_LIMIT_US 16000000
#define ERROR_GROWTH_US 500
#define SLEW_US 500 /* of adjtime, a second */
#define PLL_SHIFT 2
#define FLL_SHIFT 2
#define FLL_MIN_SECONDS 256
#define FLL_ALWAYS_SECONDS 2048
#define MAX_CONSTANT 10
#define MAX_TAI 100000
#define TICK_US (1000000 / ABI_USER_HZ)
#define DAY 86400
#define LATEST_NS (8277292036ull * NSEC_PER_SEC) /* a machine that is set to it can still be up for thirty years */
#define READ_ONLY_STATUS \
    (STA_PPSSIGNAL | STA_PPSJITTER | STA_PPSWANDER | STA_PPSERROR | STA_CLOCKERR | STA_NANO | STA_MODE | STA_CLK)
#define SINGLESHOT_BIT 0x8000u /* ADJ_OFFSET_SINGLESHOT and ADJ_OFFSET_SS_READ, and nothing else, have it */
#define READ_ONLY_BIT 0x2000u

static struct mutex ntp_lock = MUTEX_INIT(ntp_lock, LOCK_NTP);
static struct {
    s64 freq, offset, phase;
    s64 adjust; /* us */
    long tick;  /* us */
    long constant, maxerror, esterror;
    int status, state;
    s64 reference;    /* second of the last ADJ_OFFSET */
    s64 leap;         /* second of the coming leap second */
    s64 second;       /* the last one that began, and was dealt with */
    bool watching;    /* second_timer will run, or has queued its work */
    ns_t phase_since; /* monotonic */
    struct timezone zone;
    bool zone_known;
} ntp = {
    .tick = TICK_US,
    .constant = 2,
    .maxerror = ERROR_LIMIT_US,
    .esterror = ERROR_LIMIT_US,
    .status = STA_UNSYNC,
    .state = TIME_OK,
};
static struct timer second_timer;
static struct work second_work;

static s64 wall_second(void)
{
    return (s64)(clock_realtime() / NSEC_PER_SEC);
}

/* Towards zero. */
static s64 shift_right(s64 v, u32 n)
{
    return v < 0 ? -(-v >> n) : v >> n;
}

static s64 clamp(s64 v, s64 most)
{
    return v > most ? most : v < -most ? -most : v;
}

/* ---- the rate ---- */

static void apply_rate(void)
{
    clock_set_rate(NS((ntp.tick - TICK_US) * 1000 * ABI_USER_HZ) + ntp.freq + ntp.phase);
    timers_clock_was_set();
}

static bool is_busy(void)
{
    return ntp.offset || ntp.adjust || ntp.phase || ntp.state != TIME_OK || ntp.maxerror < ERROR_LIMIT_US ||
           (ntp.status & (STA_INS | STA_DEL));
}

/* The second's end is to be seen, if there is something to do then. */
static void watch_second(void)
{
    ntp.watching = is_busy();
    if (ntp.watching)
        timer_set_on(&second_timer, CLOCK_BASE_WALL, ((u64)ntp.second + 1) * NSEC_PER_SEC);
}

/* What phase has not added, or has added too much: left for the next second, to the nanosecond. */
static s64 end_phase(void)
{
    ns_t now = clock_monotonic(), took = MIN(now - ntp.phase_since, 8ul * NSEC_PER_SEC);
    s64 ns = shift_right(ntp.phase, 32);
    ntp.phase_since = now;
    return NS(ns - ns * (s64)took / NSEC_PER_SEC);
}

/* What this second is to add, with what the last one left over; what is too much for it goes back to the offset. */
static s64 begin_phase(s64 left)
{
    s64 part = shift_right(ntp.offset, PLL_SHIFT + (u32)ntp.constant), us = clamp(ntp.adjust, SLEW_US);
    ntp.offset -= part;
    ntp.adjust -= us;
    s64 all = left + part + NS(us * 1000), phase = clamp(all, MAX_PART);
    ntp.offset = clamp(ntp.offset + all - phase, NS(MAX_PHASE_NS));
    return phase;
}

/* ---- each second ---- */

static void leap(s32 seconds, int next_state)
{
    clock_leap(seconds);
    ntp.second -= seconds;
    ntp.state = next_state;
}

static void step_leap_state(void)
{
    switch (ntp.state) {
    case TIME_OK:
        if (ntp.status & (STA_INS | STA_DEL)) {
            ntp.state = ntp.status & STA_INS ? TIME_INS : TIME_DEL;
            s64 from = ntp.second + (ntp.state == TIME_DEL);
            ntp.leap = ntp.second + DAY - from % DAY;
        }
        break;
    case TIME_INS:
        if (!(ntp.status & STA_INS))
            ntp.state = TIME_OK;
        else if (ntp.second == ntp.leap)
            leap(1, TIME_OOP);
        break;
    case TIME_DEL:
        if (!(ntp.status & STA_DEL))
            ntp.state = TIME_OK;
        else if (ntp.second == ntp.leap)
            leap(-1, TIME_WAIT);
        break;
    case TIME_OOP:
        ntp.state = TIME_WAIT;
        break;
    default:
        if (!(ntp.status & (STA_INS | STA_DEL)))
            ntp.state = TIME_OK;
    }
}

static void second_over(void)
{
    ntp.second++;
    step_leap_state();
    ntp.maxerror += ERROR_GROWTH_US;
    if (ntp.maxerror > ERROR_LIMIT_US) {
        ntp.maxerror = ERROR_LIMIT_US;
        ntp.status |= STA_UNSYNC;
    }
}

static void seconds_over(struct work *w)
{
    (void)w;
    mutex_lock(&ntp_lock);
    s32 tai = clock_tai();
    if (ntp.second < wall_second()) { /* or the clock was set meanwhile */
        s64 phase = end_phase();
        while (ntp.second < wall_second() && is_busy())
            second_over();
        phase = begin_phase(phase);
        if (phase != ntp.phase || tai != clock_tai()) {
            ntp.phase = phase;
            apply_rate();
        }
    }
    watch_second();
    bool leapt = tai != clock_tai();
    mutex_unlock(&ntp_lock);
    if (leapt)
        timerfd_clock_was_set();
}

static void second_ends(struct timer *t)
{
    (void)t;
    (void)work_queue(&second_work);
}

static void start_watching(void)
{
    if (!ntp.watching) {
        ntp.second = wall_second();
        ntp.phase_since = clock_monotonic();
    }
    watch_second();
}

/* ---- the clock is set ---- */

static void stop_adjusting(void)
{
    ntp.adjust = ntp.offset = ntp.phase = 0;
    ntp.status |= STA_UNSYNC;
    ntp.maxerror = ntp.esterror = ERROR_LIMIT_US;
    timer_cancel(&second_timer);
    ntp.watching = false;
    start_watching();
}

static int jump_locked(ns_t now)
{
    int err = now < LATEST_NS ? clock_set_realtime(now) : -EINVAL;
    if (err)
        return err;
    stop_adjusting();
    apply_rate();
    return 0;
}

int clock_jump(ns_t now)
{
    mutex_lock(&ntp_lock);
    int err = jump_locked(now);
    mutex_unlock(&ntp_lock);
    if (!err)
        timerfd_clock_was_set();
    return err;
}

int timezone_set(const struct timezone *tz, bool only)
{
    if (tz->tz_minuteswest > 15 * 60 || tz->tz_minuteswest < -15 * 60)
        return -EINVAL;
    mutex_lock(&ntp_lock);
    bool local = !ntp.zone_known && only && tz->tz_minuteswest;
    ntp.zone = *tz;
    ntp.zone_known = true;
    mutex_unlock(&ntp_lock);
    if (local)
        (void)clock_jump(clock_realtime() + (u64)((s64)tz->tz_minuteswest * 60 * NSEC_PER_SEC));
    return 0;
}

void timezone_get(struct timezone *tz)
{
    mutex_lock(&ntp_lock);
    *tz = ntp.zone;
    mutex_unlock(&ntp_lock);
}

/* ---- adjtimex ---- */

static void set_status(int status)
{
    if ((ntp.status & STA_PLL) && !(status & STA_PLL)) {
        ntp.state = TIME_OK;
        ntp.status = STA_UNSYNC;
    }
    if (!(ntp.status & STA_PLL) && (status & STA_PLL))
        ntp.reference = wall_second();
    ntp.status = (ntp.status & READ_ONLY_STATUS) | (status & ~READ_ONLY_STATUS);
}

/* What an offset says of the frequency when the last one was given so many seconds before. */
static s64 frequency_of(s64 offset, s64 seconds)
{
    s64 freq = 0;
    ntp.status &= ~STA_MODE;
    if (seconds >= FLL_MIN_SECONDS && ((ntp.status & STA_FLL) || seconds > FLL_ALWAYS_SECONDS)) {
        ntp.status |= STA_MODE;
        freq = offset * (1LL << (32 - FLL_SHIFT)) / seconds;
    }
    s64 most = 1LL << (PLL_SHIFT + 1 + ntp.constant);
    return freq + offset * MIN(seconds, most) * (1LL << (32 - 2 * (PLL_SHIFT + 2 + ntp.constant)));
}

static void set_offset(long given)
{
    if (!(ntp.status & STA_PLL))
        return;
    s64 offset = ntp.status & STA_NANO ? given : clamp(given, 1000000) * 1000;
    offset = clamp(offset, MAX_PHASE_NS);
    s64 now = wall_second(), seconds = ntp.status & STA_FREQHOLD ? 0 : now - ntp.reference;
    ntp.reference = now;
    ntp.freq = clamp(ntp.freq + frequency_of(offset, MAX(seconds, (s64)0)), MAX_FREQ);
    ntp.offset = NS(offset);
}

static void set_modes(const struct timex *t)
{
    u32 m = t->modes;
    if (m & ADJ_STATUS)
        set_status(t->status);
    if (m & ADJ_NANO)
        ntp.status |= STA_NANO;
    if (m & ADJ_MICRO)
        ntp.status &= ~STA_NANO;
    if (m & ADJ_FREQUENCY)
        ntp.freq = clamp(clamp(t->freq, 500 << FREQ_UNIT_SHIFT) * (PPM >> FREQ_UNIT_SHIFT), MAX_FREQ);
    if (m & ADJ_MAXERROR)
        ntp.maxerror = MAX(MIN(t->maxerror, (long)ERROR_LIMIT_US), 0L);
    if (m & ADJ_ESTERROR)
        ntp.esterror = MAX(MIN(t->esterror, (long)ERROR_LIMIT_US), 0L);
    if (m & ADJ_TIMECONST) {
        long c = MIN(t->constant, (long)MAX_CONSTANT) + (ntp.status & STA_NANO ? 0 : 4);
        ntp.constant = MAX(MIN(c, (long)MAX_CONSTANT), 0L);
    }
    if ((m & ADJ_TAI) && t->constant >= 0 && t->constant <= MAX_TAI)
        clock_set_tai((s32)t->constant);
    if (m & ADJ_OFFSET)
        set_offset(t->offset);
    if (m & ADJ_TICK)
        ntp.tick = t->tick;
}

static void fill(struct timex *t)
{
    ns_t now = clock_realtime();
    t->freq = ntp.freq / (PPM >> FREQ_UNIT_SHIFT);
    t->maxerror = ntp.maxerror;
    t->esterror = ntp.esterror;
    t->status = ntp.status;
    t->constant = ntp.constant;
    t->precision = 1;
    t->tolerance = 500L << FREQ_UNIT_SHIFT;
    t->tick = ntp.tick;
    t->tai = clock_tai();
    t->ppsfreq = t->jitter = t->stabil = t->jitcnt = t->calcnt = t->errcnt = t->stbcnt = 0;
    t->shift = 0;
    t->time.tv_sec = (long)(now / NSEC_PER_SEC);
    t->time.tv_usec = (long)(now % NSEC_PER_SEC) / (ntp.status & STA_NANO ? 1 : 1000);
}

static bool is_valid(const struct timex *t)
{
    if (!(t->modes & SINGLESHOT_BIT) && (t->modes & ADJ_TICK) &&
        (t->tick < TICK_US - TICK_US / 10 || t->tick > TICK_US + TICK_US / 10))
        return false;
    if ((t->modes & ADJ_SETOFFSET) &&
        (t->time.tv_usec < 0 || t->time.tv_usec >= (t->modes & ADJ_NANO ? NSEC_PER_SEC : NSEC_PER_SEC / 1000)))
        return false;
    s64 most = INT64_MAX / (PPM >> FREQ_UNIT_SHIFT);
    return !(t->modes & ADJ_FREQUENCY) || clamp(t->freq, most) == t->freq;
}

/* ADJ_SETOFFSET: t->time is added. */
static int shift_wall(const struct timex *t)
{
    if (t->time.tv_sec > (long)(LATEST_NS / NSEC_PER_SEC) || t->time.tv_sec < -(long)(LATEST_NS / NSEC_PER_SEC))
        return -EINVAL;
    s64 by = t->time.tv_sec * NSEC_PER_SEC + t->time.tv_usec * (t->modes & ADJ_NANO ? 1 : 1000);
    s64 now = (s64)clock_realtime() + by;
    return now < 0 ? -EINVAL : jump_locked((ns_t)now);
}

static void adjust_locked(struct timex *t)
{
    s32 tai = clock_tai();
    if (t->modes & SINGLESHOT_BIT) {
        s64 before = ntp.adjust;
        if (!(t->modes & READ_ONLY_BIT))
            ntp.adjust = t->offset;
        t->offset = before;
    } else {
        set_modes(t);
        t->offset = shift_right(ntp.offset, 32) / (ntp.status & STA_NANO ? 1 : 1000);
        if ((t->modes & (ADJ_FREQUENCY | ADJ_TICK | ADJ_OFFSET)) || clock_tai() != tai)
            apply_rate();
    }
    start_watching();
}

int clock_adjust(struct timex *t)
{
    if (!is_valid(t))
        return -EINVAL;
    s32 tai = clock_tai();
    mutex_lock(&ntp_lock);
    int state = t->modes & ADJ_SETOFFSET ? shift_wall(t) : 0;
    if (!state) {
        adjust_locked(t);
        fill(t);
        state = ntp.status & (STA_UNSYNC | STA_CLOCKERR) ? TIME_ERROR : ntp.state;
    }
    mutex_unlock(&ntp_lock);
    if (state >= 0 && ((t->modes & ADJ_SETOFFSET) || clock_tai() != tai))
        timerfd_clock_was_set();
    return state;
}

void ntp_init(void)
{
    timer_init(&second_timer, second_ends);
    work_init(&second_work, seconds_over);
}
