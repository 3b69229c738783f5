// SPDX-License-Identifier: MIT
/*
 * Threads as libc makes them: create, join, mutexes, condition variables, barriers, semaphores, keys, on two CPUs.
 */
#include "tests/abi/util.h"

#include <pthread.h>
#include <semaphore.h>

enum { THREADS = 4 };
static pthread_t threads[THREADS];

static void run_all(void *(*fn)(void *))
{
    for (long i = 0; i < THREADS; i++)
        REQ(pthread_create(&threads[i], NULL, fn, (void *)i) == 0);
}

static long join_all(void)
{
    long sum = 0;
    for (int i = 0; i < THREADS; i++) {
        void *ret;
        REQ(pthread_join(threads[i], &ret) == 0);
        sum += (long)ret;
    }
    return sum;
}

static pid_t tids[THREADS];

static void *tell(void *arg)
{
    tids[(long)arg] = syscall(SYS_gettid);
    REQ(getpid() != tids[(long)arg]);
    return (void *)((long)arg + 1);
}

static void creating(void)
{
    run_all(tell);
    CHECK(join_all() == 1 + 2 + 3 + 4, "four threads run and return their values");
    int distinct = 1;
    for (int i = 0; i < THREADS; i++)
        for (int j = 0; j < i; j++)
            distinct &= tids[i] != tids[j] && tids[i] > 0;
    CHECK(distinct, "each has an id of its own, other than the process");
    int good = 1;
    for (int i = 0; i < 300; i++) {
        void *ret;
        good &= pthread_create(&threads[0], NULL, tell, (void *)1) == 0 && pthread_join(threads[0], &ret) == 0 &&
                ret == (void *)2;
    }
    CHECK(good, "three hundred, one after the other");
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long counter;

static void *add(void *arg)
{
    pin((long)arg & 1);
    for (int i = 0; i < 10000; i++) {
        pthread_mutex_lock(&mutex);
        counter++;
        pthread_mutex_unlock(&mutex);
    }
    return NULL;
}

static long atomic;

static void *add_atomic(void *arg)
{
    pin((long)arg & 1);
    for (int i = 0; i < 20000; i++)
        __atomic_fetch_add(&atomic, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void counting(void)
{
    run_all(add);
    join_all();
    CHECK(counter == THREADS * 10000, "a mutex loses no increment");
    run_all(add_atomic);
    join_all();
    CHECK(atomic == THREADS * 20000, "nor does an atomic addition");
}

/* A queue of four places between two producers and two consumers. */
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER, not_empty = PTHREAD_COND_INITIALIZER;
static long queue[4], head, tail;

static void *produce(void *arg)
{
    for (long i = 1; i <= 500; i++) {
        pthread_mutex_lock(&mutex);
        while (head - tail == 4)
            pthread_cond_wait(&not_full, &mutex);
        queue[head++ % 4] = i;
        pthread_cond_signal(&not_empty);
        pthread_mutex_unlock(&mutex);
    }
    return arg = NULL;
}

static void *consume(void *arg)
{
    long sum = 0;
    (void)arg;
    for (int i = 0; i < 500; i++) {
        pthread_mutex_lock(&mutex);
        while (head == tail)
            pthread_cond_wait(&not_empty, &mutex);
        sum += queue[tail++ % 4];
        pthread_cond_signal(&not_full);
        pthread_mutex_unlock(&mutex);
    }
    return (void *)sum;
}

static void *either(void *arg)
{
    pin((long)arg & 1);
    return (long)arg < 2 ? produce(arg) : consume(arg);
}

static void conditions(void)
{
    run_all(either);
    CHECK(join_all() == 2 * 500 * 501 / 2, "a queue with condition variables passes everything on");
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    t.tv_nsec += 20000000;
    if (t.tv_nsec >= 1000000000)
        t.tv_sec++, t.tv_nsec -= 1000000000;
    pthread_mutex_lock(&mutex);
    CHECK(pthread_cond_timedwait(&not_full, &mutex, &t) == ETIMEDOUT, "pthread_cond_timedwait ends in time");
    pthread_mutex_unlock(&mutex);
}

static pthread_barrier_t barrier;
static volatile int phase_of[THREADS];

static void *march(void *arg)
{
    long me = (long)arg, bad = 0, serial = 0;
    pin(me & 1);
    for (int phase = 1; phase <= 100; phase++) {
        phase_of[me] = phase;
        serial += pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
        for (int i = 0; i < THREADS; i++)
            bad += phase_of[i] != phase;
        pthread_barrier_wait(&barrier);
    }
    return (void *)(bad * 1000000 + serial);
}

static void barriers(void)
{
    pthread_barrier_init(&barrier, NULL, THREADS);
    run_all(march);
    CHECK(join_all() == 100, "100 barriers let nobody ahead, and one is serial each time");
    pthread_barrier_destroy(&barrier);
}

static sem_t ping, pong;

static void *answer(void *arg)
{
    pin(1);
    for (int i = 0; i < 300; i++) {
        while (sem_wait(&ping))
            ;
        sem_post(&pong);
    }
    return arg;
}

static void semaphores(void)
{
    sem_init(&ping, 0, 0);
    sem_init(&pong, 0, 0);
    pthread_create(&threads[0], NULL, answer, NULL);
    for (int i = 0; i < 300; i++) {
        sem_post(&ping);
        while (sem_wait(&pong))
            ;
    }
    CHECK(pthread_join(threads[0], NULL) == 0, "300 turns by semaphores");
}

static __thread long tls = 7;
static pthread_key_t key;
static int destroyed;

static void on_destroy(void *v)
{
    (void)v;
    __atomic_fetch_add(&destroyed, 1, __ATOMIC_SEQ_CST);
}

static void *local(void *arg)
{
    long me = (long)arg, good = tls == 7;
    errno = 0;
    pthread_setspecific(key, &threads);
    for (int i = 0; i < 100; i++) {
        tls = me * 1000 + i;
        errno = me + 1;
        sched_yield();
        good &= tls == me * 1000 + i && errno == me + 1;
    }
    return (void *)good;
}

static void locals(void)
{
    pthread_key_create(&key, on_destroy);
    run_all(local);
    CHECK(join_all() == THREADS, "thread-local variables and errno are each thread's own");
    CHECK(destroyed == THREADS, "keys' destructors run");
    CHECK(tls == 7, "the first thread's are untouched");
}

static volatile int cleaned;

static void clean_up(void *arg)
{
    (void)arg;
    cleaned = 1;
}

static void *endless(void *arg)
{
    pthread_cleanup_push(clean_up, NULL);
    sem_post(&ping);
    for (;;)
        pause();
    pthread_cleanup_pop(0);
    return arg;
}

static void cancelling(void)
{
    void *ret;
    pthread_create(&threads[0], NULL, endless, NULL);
    while (sem_wait(&ping))
        ;
    CHECK(pthread_cancel(threads[0]) == 0 && pthread_join(threads[0], &ret) == 0 && ret == PTHREAD_CANCELED && cleaned,
          "a thread that sleeps in a call is cancelled");
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int once_count;

static void count_once(void)
{
    once_count++;
}

static void *do_once(void *arg)
{
    pthread_once(&once, count_once);
    return arg = NULL;
}

static void onces(void)
{
    run_all(do_once);
    join_all();
    CHECK(once_count == 1, "pthread_once runs once");
}

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static long two[2];

static void *read_or_write(void *arg)
{
    long me = (long)arg, bad = 0;
    pin(me & 1);
    for (int i = 0; i < 300; i++) {
        if (me == 0) {
            pthread_rwlock_wrlock(&rwlock);
            two[0]++;
            two[1]++;
        } else {
            pthread_rwlock_rdlock(&rwlock);
            bad += two[0] != two[1];
        }
        pthread_rwlock_unlock(&rwlock);
    }
    return (void *)bad;
}

static void rwlocks(void)
{
    run_all(read_or_write);
    CHECK(join_all() == 0 && two[0] == 300, "readers never see a writer's half");
}

int main(void)
{
    creating();
    counting();
    conditions();
    barriers();
    semaphores();
    locals();
    cancelling();
    onces();
    rwlocks();
    return tap_end();
}
