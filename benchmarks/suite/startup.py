"""From the start of a tool to its hooks, and what it has in memory then."""

import json
import os
import pty
import shutil
import statistics
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.suite.contenders import CONTENDERS, OURS, Contender, NotRun, Running
from benchmarks.suite.machine import FOLDER, load_program

_IDLE_S = 8.0


def measure_start(rounds: int) -> dict[str, Any]:
    """By contender, medians in seconds: until its COMMAND runs, of the whole run, of CPU, and of
    ktrace until all hooks are in. Contenders alternate."""
    found: dict[str, Any] = {}
    runs: dict[str, list[dict[str, float]]] = {}
    for _ in range(rounds):
        for contender in CONTENDERS:
            if contender.behind is None or isinstance(found.get(contender.name), str):
                continue
            try:
                run = _start(contender)
            except NotRun as reason:
                found[contender.name] = str(reason)
            else:
                runs.setdefault(contender.name, []).append(run)
    for name, each in runs.items():
        medians = {key: statistics.median(run[key] for run in each) for key in each[0]}
        found.setdefault(name, medians)
    return found


def _start(contender: Contender) -> dict[str, float]:
    folder = _empty(FOLDER / "start")
    stamp = folder / "stamp"
    program = f"{load_program()} now"
    behind = contender.behind
    if behind == "-c":
        command = [*contender.command(folder), "-c", program]
    else:
        command = [*contender.command(folder), "--", *program.split()]
    before, clock = os.times(), time.clock_gettime(time.CLOCK_BOOTTIME)
    started = time.monotonic()
    with stamp.open("wb") as out, (folder / "log").open("wb") as log:
        done = subprocess.run(command, stdout=out, stderr=log, cwd=folder)
    whole, after = time.monotonic() - started, os.times()
    lines = stamp.read_text(errors="replace").splitlines()
    stamps = [line for line in lines if line.replace(".", "", 1).isdigit()]
    if done.returncode not in (0, 1, 4) or not stamps:
        raise NotRun(_last(folder / "log") or _last(stamp) or "it did not run its COMMAND")
    found = {
        "command_s": float(stamps[0]) - started,
        "whole_s": whole,
        "cpu_s": after.children_user
        + after.children_system
        - before.children_user
        - before.children_system,
    }
    trace = folder / "trace.ktrace"
    if trace.exists():
        session = json.loads(trace.read_text().split("\n", 1)[0])
        found["hooks_s"] = session["attached_t"] - clock
    return found


def measure_memory() -> dict[str, Any]:
    """By contender: KiB resident and locked, and the share of a CPU while nothing happens."""
    found: dict[str, Any] = {}
    for contender in CONTENDERS:
        try:
            with Running(contender, _empty(FOLDER / "memory")) as running:
                found[contender.name] = _look(running.pid)
        except NotRun as reason:
            found[contender.name] = str(reason)
    found["ktrace oom-hang with its screen"] = _with_screen()
    return found


def _with_screen() -> dict[str, float]:
    ours, end = pty.openpty()
    threading.Thread(target=_drain, args=(ours,), daemon=True).start()
    contender = next(each for each in CONTENDERS if each.name == OURS[0])
    process = subprocess.Popen(
        contender.command(FOLDER),
        stdin=end,
        stdout=end,
        stderr=end,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"},
        start_new_session=True,
    )
    try:
        time.sleep(2.0)
        return _look(process.pid)
    finally:
        process.terminate()
        process.wait()
        os.close(end)


def _drain(terminal: int) -> None:
    try:
        while os.read(terminal, 1 << 16):
            pass
    except OSError:
        pass


def _look(pid: int) -> dict[str, float]:
    status = Path(f"/proc/{pid}/status").read_text()
    sizes = {
        key: float(line.split()[1])
        for line in status.splitlines()
        for key in ("VmRSS", "VmLck")
        if line.startswith(key)
    }
    before, started = _cpu_ns(pid), time.monotonic()
    time.sleep(_IDLE_S)
    share = (_cpu_ns(pid) - before) / 1e9 / (time.monotonic() - started)
    return {"rss_kib": sizes["VmRSS"], "locked_kib": sizes["VmLck"], "idle": share}


def _cpu_ns(pid: int) -> int:
    """Of all its threads."""
    return sum(
        int((task / "schedstat").read_text().split()[0])
        for task in Path(f"/proc/{pid}/task").iterdir()
    )


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _last(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1][:110] if lines else ""
