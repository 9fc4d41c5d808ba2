#!/usr/bin/env python3
"""How fast `ktrace dmesg` reads a log, and in how much memory, beside `grep -c` on the same file.

benchmarks/kernel_log.py [--megabytes N] [--kind bad-page|oom|hung|quiet] [--packed gz|xz|zst]
                         [--repeat N] [KTRACE]

It makes a log of N megabytes (100 by default) in a temporary file (TMPDIR says where): reports of
one kind from the first line to the last, see dense_logs.py; quiet has none. Each program runs
REPEAT times, in turn; the median counts. CPU is user and system time, which other work on the
machine changes less than the wall-clock time.
"""

import argparse
import os
import platform
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from dense_logs import KINDS, reports

ROOT = Path(__file__).resolve().parents[1]
MARKERS = "BUG|INFO: |oom-kill|Killed process| error"
PACKERS = {"gz": ["gzip", "-1"], "xz": ["xz", "-0"], "zst": ["zstd", "-q", "-1"]}
HEAD = ("log", "ktrace", "CPU", "memory", "shown", "grep -c", "CPU", "ratio of CPU")


class Run(NamedTuple):
    wall: float  # seconds
    cpu: float
    rss: int  # KiB, at most
    shown: int  # bytes on stdout


def write(kind: str, size: int, path: str) -> None:
    with open(path, "wb") as file:
        for text in reports(kind):
            if file.tell() >= size:
                return
            file.write(text)


def measure(command: list[str]) -> Run:
    """Of the command and its children."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL)
        _, _, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, output.tell())


def median(runs: list[Run]) -> Run:
    return Run(*(statistics.median(values) for values in zip(*runs, strict=True)))  # type: ignore[arg-type]


def compare(kind: str, packed: str, size: int, repeat: int, ktrace: str) -> tuple[str, ...]:
    """A row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        log = f"{folder}/{kind}.log"
        write(kind, size, log)
        bytes_ = os.path.getsize(log)
        grep = ["grep", "-cE", MARKERS, log]
        if packed:
            subprocess.run([*PACKERS[packed], log], check=True)
            if os.path.exists(log):
                os.remove(log)  # zstd keeps it
            log += f".{packed}"
            unpack = f"{PACKERS[packed][0]} -dc {log} | grep -cE '{MARKERS}'"
            grep = ["sh", "-c", unpack]
        runs = [(measure([ktrace, "dmesg", log]), measure(grep)) for _ in range(repeat)]
    told, counted = (median([*some]) for some in zip(*runs, strict=True))
    return (
        f"{kind}{packed and '.' + packed}, {bytes_ / 1e6:.0f} MB",
        _rate(bytes_, told.wall),
        _rate(bytes_, told.cpu),
        f"{told.rss / 1024:.0f} MiB",
        f"{told.shown / 1000:.1f} kB",
        _rate(bytes_, counted.wall),
        _rate(bytes_, counted.cpu),
        f"{told.cpu / counted.cpu:.1f}",
    )


def _rate(size: int, seconds: float) -> str:
    return f"{size / seconds / 1e6:.0f} MB/s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--packed", choices=PACKERS, default="")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("ktrace", nargs="?", default=str(ROOT / ".venv/bin/ktrace"))
    arguments = parser.parse_args()
    print(f"{_processor()}, {os.cpu_count()} CPUs; Python {platform.python_version()}\n")
    print(f"| {' | '.join(HEAD)} |\n{'|---' * len(HEAD)}|", flush=True)
    for kind in arguments.kind or KINDS:
        size = arguments.megabytes * 1_000_000
        row = compare(kind, arguments.packed, size, arguments.repeat, arguments.ktrace)
        print(f"| {' | '.join(row)} |", flush=True)


def _processor() -> str:
    with open("/proc/cpuinfo") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    return models[0] if models else platform.machine()


if __name__ == "__main__":
    main()
