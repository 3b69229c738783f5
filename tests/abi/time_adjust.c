// SPDX-License-Identifier: MIT
/* adjtimex: what is set is kept, and the clock goes by it; leap seconds; the time zone. Set only where the clock is the
 * machine's own. */
#define TAP_KEEP_CAPABILITIES
#include "tests/abi/util.h"

#include <pthread.h>
#include <sys/time.h>
#include <sys/timex.h>

#define ERROR_LIMIT 16000000

static int may_set;

static int64_t call_ns(clockid_t clock) /* not by the vDSO */
{
    struct timespec ts;
    REQ(syscall(SYS_clock_gettime, clock, &ts) == 0);
    return ts.tv_sec * NS_A_SECOND + ts.tv_nsec;
}

static int status_of(int status)
{
    struct timex t = {.modes = ADJ_STATUS, .status = status};
    int ret = adjtimex(&t);
    return ret < 0 ? ret : t.status;
}

static int adjust(struct timex t)
{
    return adjtimex(&t);
}

static struct timex look(void)
{
    struct timex t = {0};
    REQ(adjtimex(&t) >= 0);
    return t;
}

static void reset(void)
{
    REQ(adjust((struct timex){.modes = ADJ_FREQUENCY | ADJ_TICK | ADJ_MICRO, .tick = 10000}) >= 0);
    REQ(status_of(STA_PLL) >= 0 && status_of(STA_UNSYNC) >= 0);
    REQ(adjust((struct timex){.modes = ADJ_OFFSET_SINGLESHOT}) >= 0);
    REQ(adjust((struct timex){.modes = ADJ_TAI}) >= 0);
    REQ(adjust((struct timex){.modes = ADJ_TIMECONST, .constant = 2}) >= 0);
}

/* ---- reading and errors ---- */

static void reading(void)
{
    struct timex t = {.ppsfreq = 5, .calcnt = 7, .precision = 9};
    int64_t before = read_ns(CLOCK_REALTIME) / 1000;
    int state = adjtimex(&t);
    CHECK(state >= TIME_OK && state <= TIME_ERROR, "the state of the clock");
    int64_t now = t.time.tv_sec * 1000000LL + (t.status & STA_NANO ? t.time.tv_usec / 1000 : t.time.tv_usec);
    CHECK(now >= before && now <= read_ns(CLOCK_REALTIME) / 1000, "the time");
    CHECK(t.precision == 1 && t.tolerance == 500 << 16 && t.tick >= 9000 && t.tick <= 11000, "what does not change");
    CHECK(t.ppsfreq == 0 && t.calcnt == 0, "there is no pulse");
    CHECK_ERRNO(adjtimex(at_addr(8)), EFAULT, "no structure");
    CHECK_ERRNO(clock_adjtime(CLOCK_MONOTONIC, &t), EOPNOTSUPP, "the monotonic clock is not adjusted");
    CHECK_ERRNO(clock_adjtime(99, &t), EINVAL, "nor one that is not there");
    t.modes = 0;
    CHECK(clock_adjtime(CLOCK_REALTIME, &t) >= 0, "CLOCK_REALTIME is");
    CHECK_CHILD("a user may look only", {
        drop_root();
        t = look();
        t.modes = ADJ_OFFSET_SS_READ;
        REQ(adjtimex(&t) >= 0);
        static const unsigned modes[] = {ADJ_OFFSET,
                                         ADJ_FREQUENCY,
                                         ADJ_MAXERROR,
                                         ADJ_ESTERROR,
                                         ADJ_STATUS,
                                         ADJ_TIMECONST,
                                         ADJ_TAI,
                                         ADJ_MICRO,
                                         ADJ_SETOFFSET,
                                         ADJ_TICK,
                                         ADJ_OFFSET_SINGLESHOT,
                                         ADJ_OFFSET_SS_READ | ADJ_SETOFFSET};
        for (size_t i = 0; i < COUNT(modes); i++) {
            t.modes = modes[i];
            REQ(adjtimex(&t) < 0 && errno == EPERM);
        }
    });
}

static int refuses(struct timex t)
{
    return adjtimex(&t) == -1 && errno == EINVAL;
}

static void refused(void)
{
    CHECK_OWN(refuses((struct timex){.modes = ADJ_TICK, .tick = 8999}) &&
                  refuses((struct timex){.modes = ADJ_TICK, .tick = 11001}),
              "a tick that is more than a tenth off");
    CHECK_OWN(refuses((struct timex){.modes = ADJ_FREQUENCY, .freq = INT64_MAX}) &&
                  refuses((struct timex){.modes = ADJ_FREQUENCY, .freq = INT64_MIN}),
              "a frequency out of all bounds");
    CHECK_OWN(refuses((struct timex){.modes = ADJ_SETOFFSET, .time = {0, -1}}) &&
                  refuses((struct timex){.modes = ADJ_SETOFFSET, .time = {0, 1000000}}) &&
                  refuses((struct timex){.modes = ADJ_SETOFFSET | ADJ_NANO, .time = {0, NS_A_SECOND}}),
              "an offset whose part of a second is none");
    int64_t booted = read_ns(CLOCK_REALTIME) - read_ns(CLOCK_MONOTONIC);
    CHECK_OWN(refuses((struct timex){.modes = ADJ_SETOFFSET, .time = {-(booted / NS_A_SECOND) - 2, 0}}),
              "a time before the boot");
}

/* ---- what is kept ---- */

static void kept(void)
{
    int state = adjust((struct timex){.modes = ADJ_FREQUENCY, .freq = -(12 << 16) - 345});
    CHECK_OWN(state >= 0 && look().freq == -(12 << 16) - 345, "a frequency");
    adjust((struct timex){.modes = ADJ_FREQUENCY, .freq = 600 << 16});
    CHECK_OWN(look().freq == 500 << 16, "500 ppm at most");
    adjust((struct timex){.modes = ADJ_FREQUENCY, .freq = -(600 << 16)});
    CHECK_OWN(look().freq == -(500 << 16), "in both directions");
    adjust((struct timex){.modes = ADJ_FREQUENCY});
    adjust((struct timex){.modes = ADJ_ESTERROR | ADJ_MAXERROR, .esterror = 1234, .maxerror = 5000});
    struct timex t = look();
    CHECK_OWN(t.esterror == 1234 && t.maxerror >= 5000 && t.maxerror < 100000, "the errors");
    for (int i = 0; may_set && i < 600 && look().maxerror == t.maxerror; i++)
        msleep(50);
    CHECK_OWN(look().maxerror > t.maxerror && look().esterror == 1234, "the largest grows each second");
    adjust((struct timex){.modes = ADJ_ESTERROR | ADJ_MAXERROR, .esterror = INT64_MAX, .maxerror = INT64_MAX});
    t = look();
    CHECK_OWN(t.esterror == ERROR_LIMIT && t.maxerror == ERROR_LIMIT, "which have a limit");
    adjust((struct timex){.modes = ADJ_ESTERROR | ADJ_MAXERROR, .esterror = -1, .maxerror = -1});
    t = look();
    CHECK_OWN(t.esterror == 0 && t.maxerror >= 0 && t.maxerror < 100000, "on both sides");
    CHECK_OWN(status_of(STA_PLL | STA_CLOCKERR | STA_FREQHOLD) == (STA_PLL | STA_FREQHOLD),
              "the status, but for what is read only");
    CHECK_OWN(adjust((struct timex){0}) == TIME_OK, "a clock that is not called unsynchronized is good");
    CHECK_OWN(status_of(STA_UNSYNC) == STA_UNSYNC && adjust((struct timex){0}) == TIME_ERROR, "one that is, is not");
    adjust((struct timex){.modes = ADJ_TIMECONST, .constant = 3});
    CHECK_OWN(look().constant == 7, "the time constant, in microseconds' units");
    adjust((struct timex){.modes = ADJ_TIMECONST, .constant = 30});
    CHECK_OWN(look().constant == 10, "has a bound");
    adjust((struct timex){.modes = ADJ_NANO});
    adjust((struct timex){.modes = ADJ_TIMECONST, .constant = 3});
    CHECK_OWN(look().constant == 3 && (look().status & STA_NANO), "ADJ_NANO");
    int seen = 0;
    for (int i = 0; may_set && i < 2000 && !seen; i++, msleep(1))
        seen = look().time.tv_usec >= 1000000;
    CHECK_OWN(seen, "has the time in nanoseconds");
    adjust((struct timex){.modes = ADJ_MICRO});
    CHECK_OWN(!(look().status & STA_NANO) && look().time.tv_usec < 1000000, "ADJ_MICRO");
    adjust((struct timex){.modes = ADJ_TICK, .tick = 10003});
    CHECK_OWN(look().tick == 10003, "the tick");
    adjust((struct timex){.modes = ADJ_TICK, .tick = 10000});
}

/* ---- the rate ---- */

/* ns that `clock` is ahead of CLOCK_MONOTONIC_RAW, read closely together. */
static int64_t ahead(clockid_t clock, int64_t (*get)(clockid_t))
{
    for (int i = 0; i < 100000; i++) {
        int64_t a = get(CLOCK_MONOTONIC_RAW), now = get(clock), b = get(CLOCK_MONOTONIC_RAW);
        if (b - a < 20000)
            return now - a - (b - a) / 2;
    }
    REQ(!"two clocks can be read at once");
    return 0;
}

/* What a clock gains in some 300 ms of the raw clock, in ppm. */
static int64_t gains(clockid_t clock, int64_t (*get)(clockid_t))
{
    int64_t raw = get(CLOCK_MONOTONIC_RAW), was = ahead(clock, get);
    msleep(300);
    int64_t gained = ahead(clock, get) - was;
    return gained * 1000000 / (get(CLOCK_MONOTONIC_RAW) - raw);
}

static int is_near(int64_t v, int64_t want, int64_t off)
{
    return v >= want - off && v <= want + off;
}

static void rate(void)
{
    CHECK_OWN(is_near(gains(CLOCK_MONOTONIC, read_ns), 0, 150), "as it is measured, at first");
    adjust((struct timex){.modes = ADJ_TICK, .tick = 10100});
    CHECK_OWN(is_near(gains(CLOCK_MONOTONIC, read_ns), 10000, 200),
              "a tick of one percent more makes the clock so much faster");
    CHECK_OWN(is_near(gains(CLOCK_REALTIME, read_ns), 10000, 200), "the wall clock too");
    CHECK_OWN(is_near(gains(CLOCK_MONOTONIC, call_ns), 10000, 200), "by the system call too");
    adjust((struct timex){.modes = ADJ_TICK, .tick = 9900});
    CHECK_OWN(is_near(gains(CLOCK_MONOTONIC, read_ns), -10000, 200), "or slower");
    adjust((struct timex){.modes = ADJ_TICK | ADJ_FREQUENCY, .tick = 10000, .freq = 500 << 16});
    CHECK_OWN(is_near(gains(CLOCK_REALTIME, read_ns), 500, 150), "a frequency of 500 ppm");
    adjust((struct timex){.modes = ADJ_FREQUENCY});
    int64_t last = read_ns(CLOCK_MONOTONIC), now;
    int back = 0;
    for (int i = 0; may_set && i < 2000; i++) {
        adjust((struct timex){.modes = ADJ_TICK, .tick = i & 1 ? 9000 : 11000});
        now = read_ns(CLOCK_MONOTONIC);
        back |= now < last;
        last = now;
    }
    adjust((struct timex){.modes = ADJ_TICK, .tick = 10000});
    CHECK_OWN(!back, "however it is changed, it does not step back");
    adjust((struct timex){.modes = ADJ_TICK, .tick = 11000});
    now = read_ns(CLOCK_MONOTONIC);
    msleep(100);
    CHECK_OWN(read_ns(CLOCK_MONOTONIC) - now >= 100000000, "a sleep is as long as the clock says");
    adjust((struct timex){.modes = ADJ_TICK, .tick = 10000});
}

static long to_add(void)
{
    struct timex t = {.modes = ADJ_OFFSET_SS_READ};
    REQ(adjtimex(&t) >= 0);
    return t.offset;
}

static void slewing(void)
{
    int64_t was = ahead(CLOCK_MONOTONIC, read_ns);
    struct timex t = {.modes = ADJ_OFFSET_SINGLESHOT, .offset = 1200};
    CHECK_OWN(adjtimex(&t) >= 0 && t.offset == 0, "adjtime says what was left of the last");
    long first = to_add();
    CHECK_OWN(first == 1200 || first == 700, "ADJ_OFFSET_SS_READ what is of this one");
    for (int i = 0; may_set && i < 600 && to_add(); i++)
        msleep(50);
    msleep(may_set ? 2500 : 0);
    CHECK_OWN(to_add() == 0 && is_near(ahead(CLOCK_MONOTONIC, read_ns) - was, 1200000, 300000),
              "the clock has gained it");
    was = ahead(CLOCK_MONOTONIC, read_ns);
    adjust((struct timex){.modes = ADJ_OFFSET, .offset = 50000});
    CHECK_OWN(look().offset == 0, "ADJ_OFFSET is for the phase-locked loop");
    adjust((struct timex){.modes = ADJ_STATUS, .status = STA_PLL});
    adjust((struct timex){.modes = ADJ_TIMECONST | ADJ_NANO, .constant = 0});
    t = (struct timex){.modes = ADJ_OFFSET, .offset = 4000000};
    CHECK_OWN(adjtimex(&t) >= 0 && t.offset > 2900000 && t.offset <= 4000000, "which keeps it");
    for (int i = 0; may_set && i < 600 && look().offset > 2000000; i++)
        msleep(50);
    CHECK_OWN(look().offset > 0 && look().offset <= 2000000, "and makes it smaller each second");
    adjust((struct timex){.modes = ADJ_STATUS | ADJ_FREQUENCY, .status = STA_UNSYNC});
    for (int i = 0; may_set && i < 600 && ahead(CLOCK_MONOTONIC, read_ns) - was <= 1500000; i++)
        msleep(50);
    CHECK_OWN(ahead(CLOCK_MONOTONIC, read_ns) - was > 1500000, "while the clock makes up for it");
    if (!may_set)
        return;
    reset();
}

/* ---- steps ---- */

static void offsets(void)
{
    int64_t was = ahead(CLOCK_REALTIME, read_ns), by;
    adjust((struct timex){.modes = ADJ_OFFSET_SINGLESHOT, .offset = 1000000});
    adjust((struct timex){.modes = ADJ_STATUS | ADJ_ESTERROR | ADJ_MAXERROR, .status = STA_PLL});
    adjust((struct timex){.modes = ADJ_SETOFFSET, .time = {3600, 250000}});
    by = ahead(CLOCK_REALTIME, read_ns) - was;
    CHECK_OWN(is_near(by, 3600 * NS_A_SECOND + 250000000, 50000000), "ADJ_SETOFFSET");
    struct timex t = look();
    CHECK_OWN(to_add() == 0 && (t.status & STA_UNSYNC) && t.maxerror == ERROR_LIMIT && t.esterror == ERROR_LIMIT,
              "a clock that is set is no longer adjusted");
    adjust((struct timex){.modes = ADJ_SETOFFSET | ADJ_NANO, .time = {-3601, 750000000}});
    by = ahead(CLOCK_REALTIME, read_ns) - was;
    CHECK_OWN(is_near(by, 0, 50000000), "back, with nanoseconds, which count forward");
    adjust((struct timex){.modes = ADJ_MICRO});
}

static void *sleep_tai(void *arg)
{
    return (void *)(long)clock_nanosleep(CLOCK_TAI, TIMER_ABSTIME, arg, NULL);
}

static void tai(void)
{
    adjust((struct timex){.modes = ADJ_TAI, .constant = 37});
    CHECK_OWN(look().tai == 37, "the offset of TAI");
    CHECK_OWN(is_near(ahead(CLOCK_TAI, read_ns) - ahead(CLOCK_REALTIME, read_ns), 37 * NS_A_SECOND, 50000000),
              "CLOCK_TAI has it");
    CHECK_OWN(is_near(ahead(CLOCK_TAI, call_ns) - ahead(CLOCK_REALTIME, call_ns), 37 * NS_A_SECOND, 50000000),
              "by the system call too");
    adjust((struct timex){.modes = ADJ_TAI, .constant = -1});
    adjust((struct timex){.modes = ADJ_TAI, .constant = 100001});
    CHECK_OWN(look().tai == 37, "what cannot be is not taken");
    struct timespec until;
    pthread_t thread;
    void *ret = NULL;
    clock_gettime(CLOCK_TAI, &until);
    until.tv_sec += 5000;
    if (may_set) {
        REQ(pthread_create(&thread, NULL, sleep_tai, &until) == 0);
        msleep(50);
        adjust((struct timex){.modes = ADJ_TAI, .constant = 10000});
        pthread_join(thread, &ret);
        adjust((struct timex){.modes = ADJ_TAI});
    }
    CHECK_OWN(ret == NULL, "a sleep for a time of CLOCK_TAI ends when that is set");
}

/* Until the state is this, or another than `from`. */
static int state_after(int from)
{
    int state = from;
    for (int i = 0; may_set && i < 2000 && state == from; i++, msleep(5)) {
        struct timex t = {0};
        state = adjtimex(&t);
    }
    return state;
}

struct leap {
    int first, second, third;      /* states */
    int64_t wall, tai, tai_offset; /* what the clocks gained */
};

static void leap_once(struct leap *l, int bit, int coming)
{
    struct timespec ts = {(read_ns(CLOCK_REALTIME) / NS_A_SECOND / 86400 + 1) * 86400 - 3, 0};
    reset();
    REQ(clock_settime(CLOCK_REALTIME, &ts) == 0 && adjust((struct timex){.modes = ADJ_MAXERROR}) >= 0);
    REQ(status_of(STA_PLL | bit) == (STA_PLL | bit));
    int64_t wall = ahead(CLOCK_REALTIME, read_ns), tai = ahead(CLOCK_TAI, read_ns);
    l->first = state_after(TIME_OK);
    l->second = state_after(coming);
    l->third = l->second == TIME_OOP ? state_after(TIME_OOP) : l->second;
    l->wall = ahead(CLOCK_REALTIME, read_ns) - wall;
    l->tai = ahead(CLOCK_TAI, read_ns) - tai;
    l->tai_offset = look().tai;
    REQ(status_of(STA_PLL) == STA_PLL);
    REQ(state_after(TIME_WAIT) == TIME_OK);
    reset();
}

/* Again when the states, which last a second, went by unseen. */
static void leap(struct leap *l, int bit, int coming, int then)
{
    for (int i = 0; may_set && i < 5 && (l->first != coming || l->second != then); i++)
        leap_once(l, bit, coming);
}

static void leaps(void)
{
    struct leap l = {0};
    leap(&l, STA_INS, TIME_INS, TIME_OOP);
    CHECK_OWN(l.first == TIME_INS && l.second == TIME_OOP && l.third == TIME_WAIT, "a leap second comes, is, and was");
    CHECK_OWN(is_near(l.wall, -NS_A_SECOND, 100000000), "a second comes twice");
    CHECK_OWN(is_near(l.tai, 0, 100000000) && l.tai_offset == 1, "but to CLOCK_TAI");
    l = (struct leap){0};
    leap(&l, STA_DEL, TIME_DEL, TIME_WAIT);
    CHECK_OWN(l.first == TIME_DEL && l.second == TIME_WAIT, "one that is left out");
    CHECK_OWN(is_near(l.wall, NS_A_SECOND, 100000000) && is_near(l.tai, 0, 100000000) && l.tai_offset == -1,
              "is so for CLOCK_REALTIME only");
}

static void zone(void)
{
    struct timezone tz = {-120, 1}, out = {0}, bad = {901, 0};
    struct timeval tv;
    if (may_set)
        settimeofday(NULL, &(struct timezone){0, 0}); /* the first may move the clock */
    CHECK_OWN(syscall(SYS_settimeofday, NULL, &tz) == 0 && syscall(SYS_gettimeofday, &tv, &out) == 0 &&
                  out.tz_minuteswest == -120 && out.tz_dsttime == 1,
              "the time zone is kept");
    CHECK_OWN(syscall(SYS_settimeofday, NULL, &bad) == -1 && errno == EINVAL, "one of more than fifteen hours is none");
    CHECK_CHILD("and a user does not set it", {
        drop_root();
        REQ(syscall(SYS_settimeofday, NULL, &tz) < 0 && errno == EPERM);
        REQ(syscall(SYS_settimeofday, NULL, &bad) < 0 && errno == EPERM);
    });
    if (may_set)
        syscall(SYS_settimeofday, NULL, &(struct timezone){0, 0});
}

int main(void)
{
    may_set = own_machine();
    if (may_set)
        reset();
    else
        tap_drop_capabilities(); /* nothing below is to change the host's clock */
    reading();
    refused();
    kept();
    rate();
    slewing();
    offsets();
    tai();
    leaps();
    zone();
    return tap_end();
}
