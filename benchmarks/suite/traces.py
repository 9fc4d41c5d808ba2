"""What a recording weighs, and how fast it is read."""

import subprocess
import time
from pathlib import Path
from typing import Any

from benchmarks.suite.contenders import CONTENDERS, NotRun, Running
from benchmarks.suite.machine import FOLDER, KTRACE, load_program
from benchmarks.trace_file import sample, write


def measure_bytes(kills: int) -> dict[str, Any]:
    """By contender that records: bytes of each event of so many kills; or why not."""
    found: dict[str, Any] = {}
    for contender in CONTENDERS:
        if "record" not in contender.name:
            continue
        folder = FOLDER / "traces"
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with Running(contender, folder):
                subprocess.run([load_program(), "kill", str(kills)], check=True)
        except NotRun as reason:
            found[contender.name] = str(reason)
            continue
        found[contender.name] = _weight(folder)
        for file in folder.iterdir():
            file.unlink()
    return found


def _weight(folder: Path) -> Any:
    trace, perf = folder / "trace.ktrace", folder / "perf.data"
    if trace.exists():
        data = trace.read_bytes()
        return {"bytes": len(data), "events": data.count(b'"kind":"event"')}
    if perf.exists():
        told = subprocess.run(["perf", "script", "-i", perf], capture_output=True).stdout
        return {"bytes": perf.stat().st_size, "events": told.count(b"\n")}
    return "it wrote no trace"


def measure_reading(events: int) -> dict[str, float]:
    """Events a second, of `ktrace report` and `ktrace compare`, Python's start included."""
    trace = FOLDER / "read.ktrace"
    trace.unlink(missing_ok=True)
    write(trace, sample(events))
    return {
        "report": events / _seconds("report", str(trace)),
        "compare": 2 * events / _seconds("compare", str(trace), str(trace)),
    }


def _seconds(*arguments: str) -> float:
    started = time.perf_counter()
    subprocess.run([*KTRACE, *arguments], capture_output=True)
    return time.perf_counter() - started
