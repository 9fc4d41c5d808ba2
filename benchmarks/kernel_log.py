#!/usr/bin/env python3
"""How fast `ktrace dmesg` reads a log, and in how much memory, against `grep -c` on the same file.

benchmarks/kernel_log.py [--size MB] [--kind dense|oom|hung|quiet] [KTRACE]

It writes a log of SIZE megabytes (100 by default) into a temporary file: dense has "Bad page state"
reports only, each on another page; oom and hung have reports of these; quiet has none. The numbers
of one run mean little, their ratio to grep's on the same machine at the same time does.
"""

import argparse
import os
import subprocess
import tempfile
import time
from pathlib import Path

from dense_logs import KINDS, reports

ROOT = Path(__file__).resolve().parents[1]
MARKERS = "BUG|INFO: |oom-kill|Killed process| error"


def write(kind: str, size: int, path: str) -> None:
    with open(path, "wb") as file:
        for text in reports(kind):
            if file.tell() >= size:
                return
            file.write(text)


def measure(command: list[str], path: str) -> tuple[float, int, int]:
    """Seconds of wall-clock time, KiB of resident memory at most, bytes of output."""
    started = time.monotonic()
    with open(path, "rb") as log, tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdin=log, stdout=output, stderr=subprocess.DEVNULL)
        _, _, usage = os.wait4(process.pid, 0)
        return time.monotonic() - started, usage.ru_maxrss, output.tell()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=100, help="megabytes")
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("ktrace", nargs="?", default=str(ROOT / ".venv/bin/ktrace"))
    arguments = parser.parse_args()
    for kind in arguments.kind or KINDS:
        with tempfile.NamedTemporaryFile(suffix=".log") as log:
            write(kind, arguments.size * 1_000_000, log.name)
            size = os.path.getsize(log.name) / 1e6
            grep, _, _ = measure(["grep", "-cE", MARKERS], log.name)
            ktrace, rss, shown = measure([arguments.ktrace, "dmesg", "-"], log.name)
        print(
            f"{kind:6} {size:6.0f} MB: ktrace {size / ktrace:6.1f} MB/s, {rss / 1024:4.0f} MiB, "
            f"{shown} bytes shown; grep -c {size / grep:6.0f} MB/s; ratio {ktrace / grep:.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
