"""Does a scan of a busy, healthy machine ever name a holder that holds nothing?

    sudo .venv/bin/python benchmarks/wait_scans.py [SCANS]   (in a folder on a disk)

Two groups of processes append to a file each, which takes i_rwsem of its inode, waking and
sleeping all the time, while every one that waits uninterruptibly is scanned. Who is named as the
holder of a group's lock must be a member of that group: anybody else is a false holder. Prints the
counts, and what a scan costs.
"""

import mmap
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter

from ktrace.events import TaskState
from ktrace.kernel.btf import Btf
from ktrace.sources.live.source import LiveSource
from ktrace.sources.live.wait_reader import WaitReader

MEMBERS = 6
BYTES = 1 << 16
MOST = 1 << 24  # of a file


def fight(path: str) -> None:
    """Append for ever, past the page cache: i_rwsem is held while the disk works."""
    file = os.open(path, os.O_WRONLY | os.O_DIRECT | os.O_APPEND)
    page = mmap.mmap(-1, BYTES)  # aligned as O_DIRECT wants it
    while True:
        os.write(file, page)
        if os.fstat(file).st_size > MOST:
            os.ftruncate(file, 0)


def group(path: str) -> set[int]:
    pids = set()
    for _ in range(MEMBERS):
        pid = os.fork()
        if not pid:
            fight(path)
        pids.add(pid)
    return pids


def main() -> None:
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    folder = tempfile.mkdtemp(dir=".")
    files = [os.path.join(folder, name) for name in "ab"]
    for path in files:
        open(path, "w").close()
    groups = [group(path) for path in files]
    counts: Counter[str] = Counter()
    source = LiveSource(stuck_after=1.0)
    source.load_symbols()
    decoder = source._decoder
    reader = WaitReader(Btf.of_kernel(), lambda: decoder.symbols)
    spent = 0.0
    try:
        while counts["scans"] < wanted:
            reader.begin()
            for item in source.loader.walk()[0]:
                state = decoder.decode(item)
                assert isinstance(state, TaskState)
                own = next((pids for pids in groups if state.task.pid in pids), None)
                if own is None or state.on_cpu:
                    continue
                began = time.thread_time()
                found = reader.read(item[1], state)
                spent += time.thread_time() - began
                counts["scans"] += 1
                counts["lock found"] += found is not None
                for task, _ in found.holders if found else ():
                    counts["holder named" if task.pid in own else "FALSE HOLDER"] += 1
    finally:
        for pid in groups[0] | groups[1]:
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)
        shutil.rmtree(folder)
        reader.close()
        source.close()
    for name in ("scans", "lock found", "holder named", "FALSE HOLDER"):
        print(f"{counts[name]:8} {name}")
    print(f"{spent / counts['scans'] * 1e6:8.0f} us of CPU a scan")


if __name__ == "__main__":
    main()
