"""A comparison as one JSON object."""

import json
from dataclasses import asdict
from typing import Any

from ktrace import __version__
from ktrace.comparison import statistics
from ktrace.comparison.measures import Measure
from ktrace.comparison.runs import Run
from ktrace.comparison.summary import sum_up
from ktrace.comparison.verdict import Comparison
from ktrace.errors import ExitCode


def json_text(comparison: Comparison, code: ExitCode) -> str:
    """Times are seconds; null is what is not known or was not measured."""
    return json.dumps(_comparison(comparison, code), allow_nan=False)


def _comparison(comparison: Comparison, code: ExitCode) -> dict[str, Any]:
    return {
        "kind": "comparison",
        "ktrace": __version__,
        "verdict": comparison.verdict,
        "exit_code": int(code),
        "why": comparison.why,
        "function": comparison.function,
        "more_runs": comparison.more_runs,
        "differences": list(comparison.differences),
        "differences_ignored": comparison.ignored,
        "warnings": list(comparison.warnings),
        "checks": [asdict(check) for check in comparison.checks],
        "test": {
            "name": statistics.NAME,
            "unit": "run",
            "alpha": statistics.ALPHA,
            "target": _measure(comparison.target),
            "elsewhere": _measure(comparison.elsewhere) if comparison.elsewhere else None,
            "guards": [_measure(guard) for guard in comparison.guards],
        },
        "before": _side(comparison.before),
        "after": _side(comparison.after),
    }


def _measure(measure: Measure) -> dict[str, Any]:
    return asdict(measure) | {"p_fewer": measure.p_fewer, "p_more": measure.p_more}


def _side(runs: tuple[Run, ...]) -> dict[str, Any]:
    side = sum_up(runs)
    return asdict(side) | {
        "oom_invocations_per_kill": side.invocations_per_kill,
        "run": [_run(run) for run in runs],
    }


def _run(run: Run) -> dict[str, Any]:
    return {
        "file": run.file,
        "kernel": run.session.kernel,
        "host": run.session.host,
        "machine": run.session.machine,
        "boot_id": run.session.boot_id,
        "wall": run.session.wall,
        "command": run.session.command,
        "duration_s": run.duration_s,
        "stuck_after": run.stuck_after,
        "kills": len(run.victims),
        "stuck": len(run.stuck),
        "oom_invocations": run.oom_invocations,
        "oom_kills": run.oom_kills,
        "bad_pages": run.bad_pages,
        "squashfs": _reads(run),
        "large_allocations": asdict(run.large) if run.large else None,
        "doubts": list(run.doubts),
        "victims": [
            {
                "pid": victim.pid,
                "comm": victim.comm,
                "t": victim.t if victim.t_known else None,
                "by": victim.by,
                "signal": victim.signal,
                "after_s": victim.after_s,
                "exact": victim.exact,
                "alive": victim.alive,
                "exit_signal": victim.exit_signal,
                "function": victim.place.function if victim.place else None,
                "primitive": victim.place.primitive if victim.place else None,
            }
            for victim in run.victims
        ],
    }


def _reads(run: Run) -> dict[str, Any] | None:
    if run.squashfs is None:
        return None
    return asdict(run.squashfs) | {"files": sorted(run.squashfs.files)}
