"""What each BPF program costs, by the kernel's own statistics, and a walk over many threads."""

import os
import re
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.suite.contenders import CONTENDERS, NotRun, Running
from benchmarks.suite.machine import FOLDER, load_program
from benchmarks.suite.overhead import loads, seconds
from ktrace.kernel.bpf_stats import BpfStats
from ktrace.kernel.libbpf import check, lib
from ktrace.probes.catalog import HOT_OBJECTS
from ktrace.sources.live.source import LiveSource

THREADS = (100, 1_000, 10_000, 30_000)
_WALKS = 5
_OFF_CPU = "bpftrace, off-CPU one-liner"


def measure_programs(scale: float) -> dict[str, Any]:
    """By program: runs, and ns of each run, during every load once; and of bpftrace's."""
    commands = loads(scale)
    source = LiveSource(stuck_after=1.0, hot=HOT_OBJECTS)
    stats = BpfStats()
    try:
        for command in commands.values():
            seconds(command)
        source.loader.walk()
        reading = stats.read()
    finally:
        stats.close()
        source.close()
    if reading.why_not:
        return {"why_not": reading.why_not}
    ours = {cost.name: [cost.runs, cost.run_ns / cost.runs] for cost in reading.costs if cost.runs}
    probes = [
        [probe.function, probe.hook or probe.state, probe.why]
        for probe in source.probes
        if probe.function.startswith("squashfs_")
    ]
    return {"ktrace": ours, "bpftrace": _bpftrace(commands), "squashfs_probe": probes}


def _bpftrace(commands: dict[str, list[str]]) -> dict[str, Any]:
    """Its one program."""
    contender = next(each for each in CONTENDERS if each.name == _OFF_CPU)
    folder = FOLDER / "programs"
    folder.mkdir(parents=True, exist_ok=True)
    counting = check(lib().bpf_enable_stats(0), "switch statistics on")
    try:
        with Running(contender, folder) as running:
            before = _counts(running.pid)
            for command in commands.values():
                seconds(command)
            after = _counts(running.pid)
    except NotRun as reason:
        return {"why_not": str(reason)}
    finally:
        os.close(counting)
    runs, ns = after[0] - before[0], after[1] - before[1]
    return {"sched_switch": [runs, ns / runs]} if runs else {}


def _counts(pid: int) -> tuple[int, int]:
    """Runs and ns of all programs that the process holds."""
    runs = ns = 0
    for entry in Path(f"/proc/{pid}/fdinfo").iterdir():
        text = entry.read_text()
        found = re.search(r"run_time_ns:\s+(\d+)\s+run_cnt:\s+(\d+)", text)
        if found:
            runs, ns = runs + int(found[2]), ns + int(found[1])
    return runs, ns


def measure_threads(numbers: tuple[int, ...]) -> dict[str, Any]:
    """By number of sleeping threads more than the machine has anyway: ms of a walk over all."""
    found: dict[str, Any] = {}
    for number in numbers:
        threads = subprocess.Popen(
            [load_program(), "threads", str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert threads.stdin
        assert threads.stdout
        assert threads.stderr
        try:
            if threads.stdout.readline() != "ready\n":
                found[str(number)] = threads.stderr.readline().strip() or "no threads"
            else:
                found[str(number)] = _walk_ms()
        finally:
            threads.stdin.close()
            threads.wait()
    return found


def _walk_ms() -> float:
    source = LiveSource(stuck_after=1.0)
    try:
        source.loader.walk()
        return statistics.median(_timed(source.loader.walk) for _ in range(_WALKS)) * 1e3
    finally:
        source.close()


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
