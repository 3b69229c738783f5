# SPDX-License-Identifier: MIT
# asyncio: tasks, timers, servers on Unix sockets, subprocesses, signals, threads beside the loop; epoll and selectors below it.
import array
import asyncio
import os
import select
import signal
import socket
import sys


async def tasks():
    order = []

    async def later(name, delay):
        await asyncio.sleep(delay)
        order.append(name)
        return name

    names = await asyncio.gather(later("c", 0.3), later("a", 0), later("b", 0.1))
    print("tasks:", names, order)
    try:
        await asyncio.wait_for(asyncio.sleep(1000), 0.05)
    except asyncio.TimeoutError:
        print("timeout")
    task = asyncio.create_task(asyncio.sleep(1000))
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        print("cancelled")
    queue, got = asyncio.Queue(3), []

    async def consume():
        while (item := await queue.get()) is not None:
            got.append(item)

    consumer = asyncio.create_task(consume())
    for n in range(1000):
        await queue.put(n)
    await queue.put(None)
    await consumer
    print("queue:", got == list(range(1000)))


async def servers():
    async def serve(reader, writer):
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
        writer.close()

    server = await asyncio.start_unix_server(serve, "/tmp/echo", limit=1 << 22)

    async def client(n):
        reader, writer = await asyncio.open_unix_connection("/tmp/echo")
        answers = []
        for k in range(5):
            writer.write(f"client {n} line {k}\n".encode())
            answers.append((await reader.readline()).decode())
        writer.close()
        await writer.wait_closed()
        return answers == [f"CLIENT {n} LINE {k}\n" for k in range(5)]

    print("server:", all(await asyncio.gather(*(client(n) for n in range(40)))))
    reader, writer = await asyncio.open_unix_connection("/tmp/echo", limit=1 << 22)
    big = b"y" * (1 << 20) + b"\n"
    writer.write(big)
    print("a long line:", None if (await reader.readline()) != big.upper() else "back")
    writer.close()
    server.close()
    await server.wait_closed()


async def children():
    process = await asyncio.create_subprocess_exec("sort", "-n", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate(b"10\n9\n100\n1\n")
    print("child:", out.split(), process.returncode)

    async def sleep(n):
        process = await asyncio.create_subprocess_shell(f"sleep 0.{n}; exit {n}")
        return await process.wait()

    print("children:", await asyncio.gather(*(sleep(n) for n in range(5))))
    process = await asyncio.create_subprocess_exec("sleep", "1000")
    process.terminate()
    print("terminated:", await process.wait())


async def signals():
    loop, got = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGUSR2, got.set)
    loop.call_later(0.05, os.kill, os.getpid(), signal.SIGUSR2)
    await asyncio.wait_for(got.wait(), 60)
    print("signal")
    loop.remove_signal_handler(signal.SIGUSR2)
    print("thread:", await asyncio.to_thread(sum, range(1000)))
    read, write = os.pipe()
    ready = loop.create_future()
    loop.add_reader(read, lambda: ready.done() or ready.set_result(os.read(read, 10)))
    loop.call_soon_threadsafe(os.write, write, b"ready")
    print("reader:", await ready)
    loop.remove_reader(read)


def polls():
    ours, theirs = socket.socketpair()
    epoll = select.epoll()
    epoll.register(ours, select.EPOLLIN | select.EPOLLET)
    print("epoll:", epoll.poll(0))
    theirs.send(b"abc")
    print("edge:", epoll.poll(10) == [(ours.fileno(), select.EPOLLIN)], epoll.poll(0))
    poll = select.poll()
    poll.register(ours, select.POLLIN)
    print("poll:", poll.poll(10) == [(ours.fileno(), select.POLLIN)])
    theirs.close()
    events = epoll.poll(10)
    print("hangup:", events == [(ours.fileno(), select.EPOLLIN | select.EPOLLHUP)])
    print("select:", select.select([ours], [], [], 10)[0] == [ours], ours.recv(10), ours.recv(10))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    read, write = os.pipe()
    ours.sendmsg([b"here"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [write]))])
    os.close(write)
    message, ancillary, flags, _ = theirs.recvmsg(100, socket.CMSG_SPACE(4))
    received = array.array("i", ancillary[0][2])[0]
    os.write(received, b"through a passed descriptor")
    print("rights:", message, flags & socket.MSG_CTRUNC, os.read(read, 100))
    credentials = theirs.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    print("credentials:", array.array("i", credentials)[0] == os.getpid())


async def main():
    for step in (tasks, servers, children, signals):
        await step()
        sys.stdout.flush()


asyncio.run(main())
polls()
