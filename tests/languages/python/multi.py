# SPDX-License-Identifier: MIT
# multiprocessing by the start method argv[1] (fork or spawn): pools, queues, pipes, locks, shared memory, a manager.
import multiprocessing
import os
import sys
from multiprocessing import shared_memory


def square(n):
    return n * n


def fails(n):
    raise ValueError(f"bad {n}")


def add(value, lock, times):
    for _ in range(times):
        with lock:
            value.value += 1


def echo(connection):
    while (message := connection.recv()) is not None:
        connection.send((len(message), message[:3]))
    connection.close()


def work(tasks, done):
    for n in iter(tasks.get, None):
        done.put((n, n % 7))


def write_block(name, start):
    block = shared_memory.SharedMemory(name)
    block.buf[start:start + 1000] = bytes(n % 256 for n in range(1000))
    block.close()


def meet(barrier, event, results):
    barrier.wait()
    event.wait()
    results.append(os.getpid())


def main():
    context = multiprocessing.get_context(sys.argv[1])
    with context.Pool(3) as pool:
        print("pool:", sum(pool.map(square, range(200))), pool.apply(square, (12,)))
        try:
            pool.apply(fails, (5,))
        except ValueError as error:
            print("an exception comes back:", error)
        print("unordered:", sorted(pool.imap_unordered(square, range(20), chunksize=3)) == [n * n for n in range(20)])
    value, lock = context.Value("i", 0, lock=False), context.Lock()
    adders = [context.Process(target=add, args=(value, lock, 500)) for _ in range(3)]
    for process in adders:
        process.start()
    for process in adders:
        process.join()
    print("locked:", value.value, [process.exitcode for process in adders])
    ours, theirs = context.Pipe()
    process = context.Process(target=echo, args=(theirs,), name="echoing")
    process.start()
    for size in (3, 70000, 1000000):
        ours.send(b"x" * size)
        print("pipe:", ours.recv())
    ours.send(None)
    process.join()
    print("ended:", process.name, process.exitcode)
    tasks, done = context.Queue(), context.Queue()
    workers = [context.Process(target=work, args=(tasks, done)) for _ in range(2)]
    for process in workers:
        process.start()
    for n in range(300):
        tasks.put(n)
    for _ in workers:
        tasks.put(None)
    results = dict(done.get() for _ in range(300))
    for process in workers:
        process.join()
    print("queue:", results == {n: n % 7 for n in range(300)})
    block = shared_memory.SharedMemory(create=True, size=2000)
    writers = [context.Process(target=write_block, args=(block.name, start)) for start in (0, 1000)]
    for process in writers:
        process.start()
    for process in writers:
        process.join()
    print("shared memory:", bytes(block.buf[:2000]) == bytes(n % 256 for n in range(1000)) * 2)
    block.close()
    block.unlink()
    with context.Manager() as manager:
        results, barrier, event = manager.list(), context.Barrier(3), context.Event()
        meeting = [context.Process(target=meet, args=(barrier, event, results)) for _ in range(2)]
        for process in meeting:
            process.start()
        barrier.wait()
        event.set()
        for process in meeting:
            process.join()
        print("manager:", sorted(results) == sorted(process.pid for process in meeting))
    killed = context.Process(target=echo, args=(theirs,))
    killed.start()
    killed.kill()
    killed.join()
    print("killed:", killed.exitcode)


if __name__ == "__main__":
    main()
