# SPDX-License-Identifier: MIT
# Counts words with threads, each of which sorts its share in a process of its own.
import os
import queue
import subprocess
import sys
import threading

TEXT = """a container image becomes a virtual machine and the image runs
as it is and the machine ends when the first process ends""".split()

shares, sorted_shares = queue.Queue(), []
lock = threading.Lock()


def work():
    while (share := shares.get()) is not None:
        done = subprocess.run(["sort"], input="\n".join(share), capture_output=True, text=True, check=True)
        with lock:
            sorted_shares.extend(done.stdout.split())


threads = [threading.Thread(target=work, name=f"sorter-{n}") for n in range(4)]
for thread in threads:
    thread.start()
for start in range(0, len(TEXT), 3):
    shares.put(TEXT[start:start + 3])
for _ in threads:
    shares.put(None)
for thread in threads:
    thread.join()

counts = {word: sorted_shares.count(word) for word in sorted(set(sorted_shares))}
for word, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:5]:
    print(f"{count} {word}")
print(f"{len(TEXT)} words, {len(sorted_shares)} sorted by {len(threads)} threads")
listing = subprocess.Popen("ls | wc -l", shell=True, stdout=subprocess.PIPE, text=True)
print("files in", os.getcwd() + ":", listing.communicate()[0].strip())
print("python is PID", os.getpid())
with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as cat:
    cat.terminate()
print("a child that was terminated:", cat.returncode, flush=True)
sys.exit(3)
