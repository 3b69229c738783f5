# SPDX-License-Identifier: MIT
# sqlite3: rollback journal and WAL, several processes and threads on one file, backup, in memory.
import os
import sqlite3
import subprocess
import sys
import threading

FILE = "/tmp/test.db"


def write(n, rows):
    db = sqlite3.connect(FILE, timeout=200)
    for row in range(rows):
        with db:
            db.execute("INSERT INTO log(writer, row) VALUES (?, ?)", (n, row))
    db.close()


def main():
    db = sqlite3.connect(FILE, timeout=200)
    print("journal:", db.execute("PRAGMA journal_mode").fetchone()[0])
    db.execute("CREATE TABLE log(id INTEGER PRIMARY KEY, writer INTEGER, row INTEGER)")
    with db:
        db.executemany("INSERT INTO log(writer, row) VALUES (?, ?)", ((0, n) for n in range(5000)))
    try:
        with db:
            db.execute("DELETE FROM log")
            raise KeyError
    except KeyError:
        print("rolled back:", db.execute("SELECT count(*), sum(row) FROM log").fetchone())
    for mode in ("delete", "wal"):
        print("journal:", db.execute(f"PRAGMA journal_mode = {mode}").fetchone()[0])
        db.execute("DELETE FROM log")
        db.commit()
        children = [subprocess.Popen([sys.executable, __file__, str(n)]) for n in (1, 2)]
        threads = [threading.Thread(target=write, args=(n, 40)) for n in (3, 4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print("writers:", [child.wait() for child in children])
        print(db.execute("SELECT writer, count(*), sum(row) FROM log GROUP BY writer").fetchall())
    print("WAL's files:", sorted(name for name in os.listdir("/tmp") if name.startswith("test.db")))
    reader = sqlite3.connect(FILE)
    reader.execute("BEGIN")
    before = reader.execute("SELECT count(*) FROM log").fetchone()
    write(9, 10)
    print("a reader's snapshot:", reader.execute("SELECT count(*) FROM log").fetchone() == before)
    reader.rollback()
    print("afterwards:", reader.execute("SELECT count(*) FROM log").fetchone()[0] - before[0])
    reader.close()
    other = sqlite3.connect(FILE, timeout=0)
    db.execute("BEGIN IMMEDIATE")
    try:
        other.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        print("busy:", error)
    db.rollback()
    other.close()
    copy = sqlite3.connect(":memory:")
    db.backup(copy)
    print("backup:", copy.execute("SELECT count(*) FROM log").fetchone(), copy.execute("PRAGMA integrity_check").fetchone())
    copy.create_function("double", 1, lambda n: n * 2)
    print("function:", copy.execute("SELECT double(21)").fetchone())
    db.execute("PRAGMA mmap_size = 1048576")
    print("integrity:", db.execute("PRAGMA integrity_check").fetchone())
    db.execute("VACUUM")
    db.close()
    print("closed:", sorted(name for name in os.listdir("/tmp") if name.startswith("test.db")))


if len(sys.argv) > 1:
    write(int(sys.argv[1]), 40)
else:
    main()
