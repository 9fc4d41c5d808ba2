"""Does a scan of a busy, healthy machine ever name a holder that holds nothing?

    sudo .venv/bin/python benchmarks/wait_scans.py [SCANS]   (in a folder on a disk)

Groups of processes fight for a lock each, waking and sleeping all the time, while every one that
sleeps is scanned. Who is named as the holder of a group's lock must be a member of that group:
anybody else is a false holder. Prints the counts of each group, and what a scan costs.

    file      i_rwsem of a file, appended to past the page cache
    position  the f_pos_lock of an open file that all share
    mmap      the mmap_lock of one process, whose threads map, unmap and fault
    futex     a futex with priority inheritance: an rt_mutex
    flush     fsync() of files of a folder: the journal's thread, work items, folios
    pipe      a pipe: its mutex, and who has the other end open
"""

import ctypes
import mmap
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable

from ktrace.events import TaskState
from ktrace.kernel.btf import Btf
from ktrace.sources.live.source import LiveSource
from ktrace.sources.live.wait_reader import WaitReader

MEMBERS = 6
BYTES = 1 << 16
MOST = 1 << 24  # of a file
PAGE = mmap.PAGESIZE
_FUTEX, _LOCK_PI, _UNLOCK_PI = 202, 6, 7  # x86-64's number; include/uapi/linux/futex.h
_not_ours: list[int] = []  # descriptors that only members of a group are to have
_KERNEL_THREADS = frozenset({"flush"})  # groups whose holders are the kernel's own threads


def append(file: int) -> None:
    """For ever, past the page cache: the lock is held while the disk works."""
    page = mmap.mmap(-1, BYTES)  # aligned as O_DIRECT wants it
    while True:
        os.write(file, page)
        if os.fstat(file).st_size > MOST:
            os.ftruncate(file, 0)


def opened(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_DIRECT | os.O_APPEND | os.O_CREAT)


def file_group(folder: str) -> Callable[[], None]:
    return lambda: append(opened(f"{folder}/file"))


def position_group(folder: str) -> Callable[[], None]:
    file = opened(f"{folder}/position")
    return lambda: append(file)


def pipe_group(folder: str) -> Callable[[], None]:
    """Half of them read what the others write; nobody else has the pipe open."""
    out, into = os.pipe()
    _not_ours.extend((out, into))
    data = b"x" * 3 * PAGE

    def fight() -> None:
        if os.getpid() % 2:
            while True:
                os.write(into, data)
        while True:
            os.read(out, 5 * PAGE)

    return fight


def mmap_group(folder: str) -> Callable[[], None]:
    """Threads of one process: each member is another one."""

    def churn() -> None:
        while True:
            area = mmap.mmap(-1, 64 * PAGE)
            for at in range(0, 64 * PAGE, PAGE):
                area[at] = 1
            area.close()

    def fight() -> None:
        for _ in range(3):
            threading.Thread(target=churn, daemon=True).start()
        churn()

    return fight


def futex_group(folder: str) -> Callable[[], None]:
    shared = mmap.mmap(-1, PAGE)
    word = ctypes.c_uint32.from_buffer(shared)
    syscall = ctypes.CDLL(None).syscall

    def fight() -> None:
        while True:
            syscall(_FUTEX, ctypes.byref(word), _LOCK_PI, 0, None)
            time.sleep(0.0003)
            syscall(_FUTEX, ctypes.byref(word), _UNLOCK_PI, 0, None)

    return fight


def flush_group(folder: str) -> Callable[[], None]:
    def fight() -> None:
        path = f"{folder}/flush-{os.getpid()}"
        while True:
            with open(path, "wb") as file:
                file.write(b"x" * PAGE)
                os.fsync(file.fileno())
            os.unlink(path)

    return fight


GROUPS = {
    "file": file_group,
    "position": position_group,
    "mmap": mmap_group,
    "futex": futex_group,
    "flush": flush_group,
    "pipe": pipe_group,  # the last: who is started after it would have the pipe open, too
}


def start(fight: Callable[[], None]) -> set[int]:
    pids = set()
    for _ in range(MEMBERS):
        pid = os.fork()
        if not pid:
            fight()
        pids.add(pid)
    return pids


def threads(pids: set[int]) -> set[int]:
    return {int(tid) for pid in pids for tid in os.listdir(f"/proc/{pid}/task")}


def is_kernel_thread(pid: int) -> bool:
    with open(f"/proc/{pid}/stat") as file:
        return bool(int(file.read().rpartition(")")[2].split()[6]) & 0x200000)  # PF_KTHREAD


def main() -> None:
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    folder = tempfile.mkdtemp(dir=".")
    groups = {name: start(made(folder)) for name, made in GROUPS.items()}
    for descriptor in _not_ours:
        os.close(descriptor)
    counts = {name: Counter[str]() for name in groups}
    source = LiveSource(stuck_after=1.0)
    source.load_symbols()
    decoder = source._decoder
    reader = WaitReader(Btf.of_kernel(), lambda: decoder.symbols)
    spent = 0.0
    try:
        # also those that sleep interruptibly
        source.loader.follow({tid: 1 for pids in groups.values() for tid in threads(pids)})
        while sum(count["scans"] for count in counts.values()) < wanted:
            reader.begin()
            for item in source.loader.walk()[0]:
                state = decoder.decode(item)
                assert isinstance(state, TaskState)
                own = next((name for name, pids in groups.items() if state.task.pid in pids), None)
                if own is None or state.on_cpu or state.state == "running":
                    continue
                began = time.thread_time()
                found = reader.read(item[1], state)
                spent += time.thread_time() - began
                count = counts[own]
                count["scans"] += 1
                count["waits read"] += found is not None
                for task, why in found.holders if found else ():
                    good = task.pid in groups[own] or (
                        own in _KERNEL_THREADS and is_kernel_thread(task.pid)
                    )
                    count["holders named" if good else "FALSE HOLDERS"] += 1
                    if not good:
                        print(f"{own}: {state.task} waits for {found.detail}: {task} {why}")
    finally:
        for pid in set().union(*groups.values()):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        shutil.rmtree(folder)
        reader.close()
        source.close()
    names = ("scans", "waits read", "holders named", "FALSE HOLDERS")
    print(f"{'':10}" + "".join(f"{name:>16}" for name in names))
    counts["all"] = sum(counts.values(), Counter())
    for group, count in counts.items():
        print(f"{group:10}" + "".join(f"{count[name]:16}" for name in names))
    print(f"{spent / counts['all']['scans'] * 1e6:.0f} us of CPU a scan")


if __name__ == "__main__":
    main()
