# SPDX-License-Identifier: MIT
# mmap: of files and of nothing, shared and private, across fork, resized, advised, past the end; memfd.
import ctypes
import fcntl
import mmap
import os
import signal
import sys

PAGE = mmap.PAGESIZE
path = "/tmp/mapped"


def files():
    with open(path, "w+b") as file:
        file.write(b"".join(bytes([65 + n % 26]) * 1000 for n in range(100)))
        file.flush()
        shared = mmap.mmap(file.fileno(), 0)
        private = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        print("size:", len(shared), shared[0:2], shared[999:1001], shared.find(b"ZA"))
        shared[0:5] = b"hello"
        private[0:5] = b"CHILD"
        shared.flush()
        file.seek(0)
        print("written through:", file.read(6), private[0:6])
        os.pwrite(file.fileno(), b"!", 5)
        print("seen:", shared[0:6], shared.rfind(b"hello"))
        shared.resize(3 * PAGE)
        print("smaller:", len(shared), os.fstat(file.fileno()).st_size)
        shared.resize(40 * PAGE)
        print("larger:", len(shared), os.fstat(file.fileno()).st_size, shared[0:6], shared[30 * PAGE])
        shared.move(PAGE, 0, 6)
        print("moved:", shared[PAGE:PAGE + 6])
        shared.madvise(mmap.MADV_DONTNEED)
        shared.madvise(mmap.MADV_SEQUENTIAL)
        print("advised:", shared[PAGE:PAGE + 6])
        read_only = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        try:
            read_only[0] = 1
        except TypeError as error:
            print("read-only:", error)
        for mapping in (shared, private, read_only):
            mapping.close()


def forked():
    memory = mmap.mmap(-1, 64 * PAGE)
    private = mmap.mmap(-1, 64 * PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for n in range(64):
        private[n * PAGE] = n
    pid = os.fork()
    if pid == 0:
        for n in range(64):
            memory[n * PAGE] = private[n * PAGE] + 100
            private[n * PAGE] = 0
        os._exit(0)
    os.waitpid(pid, 0)
    print("shared with a child:", [memory[n * PAGE] for n in range(64)] == [n + 100 for n in range(64)])
    print("copied on write:", [private[n * PAGE] for n in range(64)] == list(range(64)))
    private.madvise(mmap.MADV_DONTNEED)
    print("given back:", set(private[:]))


def beyond():
    """A child that touches a page past the file's end dies of SIGBUS; one that touches nothing mapped, of SIGSEGV."""
    for what in ("bus", "nothing"):
        pid = os.fork()
        if pid == 0:
            if what == "nothing":
                ctypes.string_at(8)
            with open(path, "r+b") as file:
                memory = mmap.mmap(file.fileno(), 2 * PAGE)
                os.truncate(path, PAGE)
                memory[PAGE]
            os._exit(0)
        print(what + ":", signal.Signals(os.WTERMSIG(os.waitpid(pid, 0)[1])).name)


def anonymous_files():
    fd = os.memfd_create("sealed", os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, 2 * PAGE)
    with mmap.mmap(fd, 2 * PAGE) as memory:
        memory[:4] = b"memo"
    print("memfd:", os.pread(fd, 4, 0), os.readlink(f"/proc/self/fd/{fd}"))
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK)
    try:
        os.pwrite(fd, b"x", 0)
    except PermissionError as error:
        print("sealed:", error.errno)
    big = mmap.mmap(-1, 256 << 20)
    big[128 << 20] = 7
    print("untouched memory is free:", big[128 << 20], big[0])


def code():
    """Machine code written and then run: mov eax, edi; add eax, esi; ret."""
    memory = mmap.mmap(-1, PAGE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(bytes.fromhex("89f801f0c3"))
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    print("made code:", ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_int)(address)(40, 2))
    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    numbers = (ctypes.c_int * 6)(5, 3, 9, 1, 7, 2)
    ctypes.CDLL(None).qsort(numbers, 6, 4, callback(lambda a, b: a[0] - b[0]))
    print("called back:", list(numbers))


for step in (files, forked, beyond, anonymous_files, code):
    step()
    sys.stdout.flush()
