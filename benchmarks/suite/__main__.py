"""`python -m benchmarks.suite [--quick]`: measures, and writes docs/costs.md and docs/costs.svg.

A run of the same commit that was broken off goes on where it was. --quick: a few short rounds of
everything, to see that it works.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.suite import overhead, page, plot, programs, startup, traces
from benchmarks.suite.machine import (
    FOLDER,
    ROOT,
    commit,
    description,
    enter_own_mounts,
    load_average,
)

RESULTS = FOLDER / "results.json"


def sections(quick: bool) -> dict[str, Callable[[], Any]]:
    """In the order in which they are measured."""
    rounds, scale = (3, 0.3) if quick else (overhead.ROUNDS, 1.0)
    numbers = programs.THREADS[:2] if quick else programs.THREADS
    return {
        "start": lambda: startup.measure_start(1 if quick else 7),
        "memory": startup.measure_memory,
        "overhead": lambda: overhead.measure(rounds, scale),
        "programs": lambda: programs.measure_programs(scale),
        "threads": lambda: programs.measure_threads(numbers),
        "bytes": lambda: traces.measure_bytes(200 if quick else 2_000),
        "reading": lambda: traces.measure_reading(20_000 if quick else 100_000),
    }


def main() -> None:
    if os.geteuid():
        sys.exit("the benchmarks need root: sudo make bench")
    enter_own_mounts()
    quick = "--quick" in sys.argv
    FOLDER.mkdir(parents=True, exist_ok=True)
    to_do = sections(quick)
    results = _unfinished(quick, set(to_do)) or {
        "quick": quick,
        "machine": description(),
        "load": load_average(),
        "day": time.strftime("%Y-%m-%d"),
        "commit": commit(),
        "done": {},
    }
    done = results["done"]
    for name, measure in to_do.items():
        if name in done:
            continue
        print(f"{time.strftime('%H:%M:%S')} {name}", flush=True)
        done[name] = measure()
        RESULTS.write_text(json.dumps(results, indent=1))
    (ROOT / "docs" / "costs.svg").write_text(plot.svg(done["overhead"]))
    (ROOT / "docs" / "costs.md").write_text("\n".join(page.lines(results)) + "\n")
    print(f"{time.strftime('%H:%M:%S')} docs/costs.md and docs/costs.svg are written")


def _unfinished(quick: bool, wanted: set[str]) -> dict[str, Any] | None:
    """What a run has measured that was broken off."""
    if not RESULTS.exists():
        return None
    results: dict[str, Any] = json.loads(RESULTS.read_text())
    finished = set(results["done"]) >= wanted
    same = results["quick"] == quick and results.get("commit") == commit()
    return results if same and not finished else None


if __name__ == "__main__":
    main()
