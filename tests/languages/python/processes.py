# SPDX-License-Identifier: MIT
# subprocess, os.fork, os.posix_spawn: what they start, feed, read, stop and wait for.
import os
import resource
import select
import signal
import subprocess
import sys
import threading
import time

PIPE = subprocess.PIPE


def simple():
    print(subprocess.run(["echo", "hello"], capture_output=True, text=True, check=True).stdout.strip())
    print("code:", subprocess.run(["sh", "-c", "exit 7"]).returncode)
    print("signal:", subprocess.run(["sh", "-c", "kill -9 $$"]).returncode)
    both = subprocess.run("echo out; echo err >&2", shell=True, capture_output=True, text=True)
    print("streams:", both.stdout.split(), both.stderr.split())
    try:
        subprocess.run(["/no/such"])
    except FileNotFoundError as error:
        print("not found:", error.errno, error.filename)
    try:
        subprocess.run(["/etc/passwd"])
    except PermissionError as error:
        print("not executable:", error.errno)
    try:
        subprocess.check_output(["false"])
    except subprocess.CalledProcessError as error:
        print("checked:", error.returncode)


def fed():
    data = os.urandom(1 << 20)
    back = subprocess.run(["cat"], input=data, stdout=PIPE).stdout
    print("a megabyte through cat:", back == data)
    first = subprocess.Popen(["seq", "1", "20000"], stdout=PIPE)
    second = subprocess.Popen(["grep", "7"], stdin=first.stdout, stdout=PIPE)
    third = subprocess.Popen(["wc", "-l"], stdin=second.stdout, stdout=PIPE, text=True)
    first.stdout.close()
    second.stdout.close()
    print("pipeline:", third.communicate()[0].strip(), first.wait(), second.wait(), third.returncode)
    head = subprocess.Popen(["yes"], stdout=PIPE)
    line = head.stdout.readline()
    head.stdout.close()
    print("a closed pipe:", line, head.wait() == -signal.SIGPIPE)
    talk = subprocess.Popen([sys.executable, "-uc", "for line in iter(input, 'end'): print(line.upper())"],
                            stdin=PIPE, stdout=PIPE, text=True, bufsize=1)
    for word in ("one", "two", "three"):
        talk.stdin.write(word + "\n")
        print("answered:", talk.stdout.readline().strip())
    talk.communicate("end\n")
    print("ended:", talk.returncode)


def stopped():
    try:
        subprocess.run(["sleep", "1000"], timeout=0.2)
    except subprocess.TimeoutExpired as expired:
        print("timeout:", round(expired.timeout, 1))
    child = subprocess.Popen(["sleep", "1000"])
    print("poll:", child.poll())
    child.send_signal(signal.SIGSTOP)
    print("stopped:", os.WIFSTOPPED(os.waitpid(child.pid, os.WUNTRACED)[1]))
    child.send_signal(signal.SIGCONT)
    print("continued:", os.WIFCONTINUED(os.waitpid(child.pid, os.WCONTINUED)[1]))
    child.terminate()
    print("terminated:", child.wait())
    group = subprocess.Popen("sleep 1000 & sleep 1000 & wait", shell=True, start_new_session=True)
    print("session:", os.getsid(group.pid) == group.pid, os.getpgid(group.pid) == group.pid)
    os.killpg(group.pid, signal.SIGKILL)
    print("group:", group.wait())


def attributes():
    shown = subprocess.run(["sh", "-c", "pwd; echo $COLOUR; umask; ulimit -n; id -u; id -g"], cwd="/usr", umask=0o27,
                           env={"COLOUR": "blue", "PATH": os.environ["PATH"]}, user=65534, group=65534, extra_groups=[],
                           preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (77, 77)),
                           capture_output=True, text=True)
    print("attributes:", shown.stdout.split(), shown.stderr)
    read, write = os.pipe()
    subprocess.run(["sh", "-c", f"echo through >&{write}"], pass_fds=[write])
    print("passed descriptor:", os.read(read, 100))
    print("not passed:", subprocess.run(["sh", "-c", f"[ -e /proc/self/fd/{write} ]"]).returncode)
    os.close(read)
    os.close(write)
    print("niceness:", subprocess.check_output(["sh", "-c", "nice -n 5 nice"], text=True).strip())


def forks():
    pids = []
    for n in range(20):
        pid = os.fork()
        if pid == 0:
            os._exit(n)
        pids.append(pid)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    print("forks:", codes == list(range(20)))
    try:
        os.waitpid(-1, 0)
    except ChildProcessError as error:
        print("no children:", error.errno)
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", "read a; echo got $a >&2; exit 3"], os.environ, setpgroup=0,
                         setsigdef=[signal.SIGPIPE],
                         file_actions=[(os.POSIX_SPAWN_OPEN, 0, "/work/line", os.O_RDWR | os.O_CREAT, 0o600),
                                       (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0),
                                       (os.POSIX_SPAWN_OPEN, 2, "/work/said", os.O_WRONLY | os.O_CREAT, 0o600)])
    print("posix_spawn:", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), open("/work/said").read().strip())
    pid = os.fork()
    if pid == 0:
        os.execvp("sh", ["sh", "-c", "sleep 0.1; exit 9"])
    fd = os.pidfd_open(pid)
    print("pidfd:", select.select([fd], [], [], 60)[0] == [fd], os.waitid(os.P_PIDFD, fd, os.WEXITED).si_status)
    os.close(fd)


def from_threads():
    results = []

    def run(n):
        for _ in range(3):
            results.append(subprocess.run(["sh", "-c", f"exit {n}"]).returncode)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("from threads:", sorted(results) == sorted(list(range(6)) * 3))


open("/work/line", "w").write("fed\n")
for step in (simple, fed, stopped, attributes, forks, from_threads):
    step()
    sys.stdout.flush()
