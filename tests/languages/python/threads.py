# SPDX-License-Identifier: MIT
# Threads as Python programs use them: locks, queues, pools, events that time out, thread-local data, a signal meanwhile.
import concurrent.futures
import hashlib
import os
import queue
import signal
import threading
import time


def counted():
    lock, total = threading.Lock(), [0]

    def add():
        for _ in range(5000):
            with lock:
                total[0] += 1

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("locked increments:", total[0])


def pipeline():
    first, second, results = queue.Queue(4), queue.Queue(4), []

    def square():
        while (item := first.get()) is not None:
            second.put(item * item)
        second.put(None)

    def collect():
        while (item := second.get()) is not None:
            results.append(item)

    workers = [threading.Thread(target=square), threading.Thread(target=collect)]
    for worker in workers:
        worker.start()
    for n in range(500):
        first.put(n)
    first.put(None)
    for worker in workers:
        worker.join()
    print("pipeline:", sum(results), results == sorted(results))


def conditions():
    barrier, passed = threading.Barrier(4), []

    def meet(n):
        for round_ in range(20):
            barrier.wait()
            passed.append(round_)

    threads = [threading.Thread(target=meet, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("barrier:", len(passed), passed == sorted(passed))
    event = threading.Event()
    before = time.monotonic()
    print("event that times out:", event.wait(0.05), time.monotonic() - before >= 0.05)
    threading.Timer(0.02, event.set).start()
    print("event that is set:", event.wait(60))
    condition, turns = threading.Condition(), []

    def take(me):
        for _ in range(100):
            with condition:
                condition.wait_for(lambda: len(turns) % 2 == me)
                turns.append(me)
                condition.notify_all()

    pair = [threading.Thread(target=take, args=(me,)) for me in (0, 1)]
    for thread in pair:
        thread.start()
    for thread in pair:
        thread.join()
    print("taking turns:", turns == [0, 1] * 100)


def pools():
    # hashlib gives the interpreter's lock away for large data: these run in parallel
    data = [bytes([n]) * 200000 for n in range(12)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        digests = list(pool.map(lambda d: hashlib.sha256(d).hexdigest(), data))
    print("hashed in a pool:", digests == [hashlib.sha256(d).hexdigest() for d in data])
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(divmod, 7, n) for n in (0, 2)]
        print("a future's exception:", type(futures[0].exception()).__name__, futures[1].result())


def identities():
    local, names = threading.local(), []
    tids = set()
    gate = threading.Barrier(5)

    def own(n):
        local.value = n
        gate.wait()
        tids.add(threading.get_native_id())
        names.append((local.value == n, threading.current_thread().name))
        gate.wait()

    threads = [threading.Thread(target=own, args=(n,), name=f"own-{n}") for n in range(4)]
    for thread in threads:
        thread.start()
    gate.wait()
    listed = {int(name) for name in os.listdir("/proc/self/task")}
    gate.wait()
    for thread in threads:
        thread.join()
    print("thread-local:", sorted(names) == [(True, f"own-{n}") for n in range(4)])
    print("native ids:", len(tids), os.getpid() not in tids, tids <= listed)


def signals():
    got = []
    signal.signal(signal.SIGALRM, lambda number, frame: got.append(threading.current_thread() is threading.main_thread()))
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    waiting = threading.Event()
    thread = threading.Thread(target=waiting.wait)
    thread.start()
    while not got:
        time.sleep(0.01)
    waiting.set()
    thread.join()
    print("a handler runs in the main thread:", got)
    seen = []
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    thread = threading.Thread(target=lambda: seen.append(signal.sigwait({signal.SIGUSR1})))
    thread.start()
    signal.pthread_kill(thread.ident, signal.SIGUSR1)
    thread.join()
    print("sigwait in a thread:", seen == [signal.SIGUSR1])


def crowd():
    stop, alive = threading.Event(), threading.Semaphore(0)

    def stand():
        alive.release()
        stop.wait()

    threads = [threading.Thread(target=stand) for _ in range(200)]
    for thread in threads:
        thread.start()
    for _ in threads:
        alive.acquire()
    print("at a time:", threading.active_count() - 1)
    stop.set()
    for thread in threads:
        thread.join()
    while len(os.listdir("/proc/self/task")) > 1:  # join comes before the thread's last instructions
        time.sleep(0.01)
    print("afterwards:", threading.active_count())


def recursion():
    threading.stack_size(16 << 20)
    depth = []

    def down(n):
        return 0 if n == 0 else 1 + down(n - 1)

    thread = threading.Thread(target=lambda: depth.append(down(900)))
    thread.start()
    thread.join()
    print("deep in a 16 MiB stack:", depth)


for step in (counted, pipeline, conditions, pools, identities, signals, crowd, recursion):
    step()
