"""From the start of a tool to its last hook and its COMMAND, and what it has in memory then."""

import os
import pty
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.suite import hooks
from benchmarks.suite.contenders import CONTENDERS, OURS, Contender, NotRun, Running
from benchmarks.suite.machine import FOLDER, load_program

WITH_SCREEN = "ktrace oom-hang with its screen"
PYTHON = "Python, asleep"
_IDLE_S = 8.0


def measure_start(rounds: int) -> dict[str, Any]:
    """By contender, medians in seconds: until its last hook is in, until its COMMAND runs, of the
    whole run, and of CPU. Contenders alternate."""
    found: dict[str, Any] = {}
    runs: dict[str, list[dict[str, float]]] = {}
    for _ in range(rounds):
        for contender in CONTENDERS:
            if contender.behind is None or isinstance(found.get(contender.name), str):
                continue
            try:
                run = _start(contender)
                hooks_s = hooks.seconds(contender)
            except NotRun as reason:
                found[contender.name] = str(reason)
            else:
                run |= {} if hooks_s is None else {"hooks_s": hooks_s}
                runs.setdefault(contender.name, []).append(run)
    for name, each in runs.items():
        known = [key for key in each[0] if all(key in run for run in each)]
        medians = {key: statistics.median(run[key] for run in each) for key in known}
        found.setdefault(name, medians)
    return found


def _start(contender: Contender) -> dict[str, float]:
    folder = _empty(FOLDER / "start")
    stamp = folder / "stamp"
    command = contender.behind_it(folder, f"{load_program()} now")
    before, started = os.times(), time.monotonic()
    with stamp.open("wb") as out, (folder / "log").open("wb") as log:
        done = subprocess.run(command, stdout=out, stderr=log, cwd=folder)
    whole, after = time.monotonic() - started, os.times()
    lines = stamp.read_text(errors="replace").splitlines()
    stamps = [line for line in lines if line.replace(".", "", 1).isdigit()]
    if done.returncode not in (0, 1, 4) or not stamps:
        raise NotRun(_last(folder / "log") or _last(stamp) or "it did not run its COMMAND")
    return {
        "command_s": float(stamps[0]) - started,
        "whole_s": whole,
        "cpu_s": after.children_user
        + after.children_system
        - before.children_user
        - before.children_system,
    }


def measure_memory() -> dict[str, Any]:
    """By contender: KiB resident and locked, and the share of a CPU while nothing happens."""
    found: dict[str, Any] = {}
    for contender in CONTENDERS:
        try:
            with Running(contender, _empty(FOLDER / "memory")) as running:
                found[contender.name] = _look(running.pid)
        except NotRun as reason:
            found[contender.name] = str(reason)
    found[WITH_SCREEN] = _with_screen()
    found[PYTHON] = _python_alone()
    return found


def _python_alone() -> dict[str, float]:
    """What every program in Python has."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        time.sleep(1.0)
        return _look(process.pid)
    finally:
        process.kill()
        process.wait()


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
    """Of all its processes, as ktrace has one that writes the trace."""
    pids = _tree(pid)
    before, started = sum(map(_cpu_ns, pids)), time.monotonic()
    time.sleep(_IDLE_S)
    share = (sum(map(_cpu_ns, pids)) - before) / 1e9 / (time.monotonic() - started)
    resident, locked = (sum(_kib(each, key) for each in pids) for key in ("VmRSS", "VmLck"))
    return {"rss_kib": resident, "locked_kib": locked, "idle": share}


def _tree(pid: int) -> list[int]:
    """A process and its descendants."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    return [pid, *(each for child in children for each in _tree(child))]


def _kib(pid: int, key: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key))


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
