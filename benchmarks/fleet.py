"""A fleet's traces: how long export and report take, against a plain loop over the same JSON.

    python -m benchmarks.fleet [--machines 1000] [--sessions 3] [--directory DIR]
        [--spark MASTER]

Each machine gets traces of the examples, drawn with a seed, with a host, boot, day and kernel of
its own. The plain loop does the least that answers one question, with nothing decoded or checked:
it counts findings by function with json.loads() alone, in one process.
"""

import argparse
import gzip
import json
import os
import random
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ktrace.fleet.dataset import Dataset
from ktrace.fleet.engine import open_engine
from ktrace.fleet.export import export
from ktrace.fleet.report import fleet_report
from ktrace.trace.format import decode_line, encode_line

EXAMPLES = Path(__file__).parents[1] / "examples"
BASES = (
    EXAMPLES / "squashfs-hang" / "squashfs-stall.ktrace.gz",
    EXAMPLES / "oom-livelock" / "oom-livelock.ktrace.gz",
    *sorted((EXAMPLES / "validate-a-fix").glob("recorded*/*/*.ktrace*")),
)
KERNELS = ("6.1.0-55", "6.1.0-56", "6.12.107", "5.10.0-32")
SEED = 4


def generate(folder: Path, machines: int, sessions: int) -> int:
    """How many records were written."""
    draw = random.Random(SEED)
    bases = [_lines(path) for path in BASES]
    records = 0
    for number in range(machines):
        host, kernel = f"machine-{number}", draw.choice(KERNELS)
        for run in range(sessions):
            head, *rest = draw.choice(bases)
            day = datetime(2026, 11, 1, tzinfo=UTC) + timedelta(minutes=draw.randrange(40_000))
            own = {"host": host, "kernel": kernel, "boot_id": f"{number}-{run}"}
            session = decode_line(head.rstrip(b"\n")) | own | {"wall": day.isoformat()}
            path = folder / f"{number % 100:02}" / f"{host}-{run}.ktrace"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(encode_line(session) + b"".join(rest))
            records += 1 + len(rest)
    return records


def plain_loop(folder: Path) -> Counter[str]:
    """Findings of stuck tasks, by function."""
    found: Counter[str] = Counter()
    for path in folder.rglob("*.ktrace"):
        for line in path.read_bytes().splitlines():
            record = json.loads(line[: line.rindex(b"}") + 1])
            if record.get("finding") == "stuck-task" and record["status"] == "open":
                found[(record.get("wait") or {}).get("function", "?")] += 1
    return found


def _lines(path: Path) -> Sequence[bytes]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return data.splitlines(keepends=True)


class _Stage:
    """Says how long it took, and how much CPU time with its child processes."""

    def __init__(self, what: str, records: int = 0) -> None:
        self._what, self._records = what, records

    def __enter__(self) -> None:
        self._wall, self._cpu = time.monotonic(), _cpu()

    def __exit__(self, *_error: object) -> None:
        wall, cpu = time.monotonic() - self._wall, _cpu() - self._cpu
        rate = f"{self._records / cpu:10,.0f} records a second of it" if self._records else ""
        print(f"{self._what:14} {wall:8.1f} s {cpu:8.1f} s of CPU time {rate}", flush=True)


def _cpu() -> float:
    return sum(os.times()[:4])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--machines", type=int, default=1000)
    parser.add_argument("--sessions", type=int, default=3)
    parser.add_argument("--directory", type=Path, help="keep traces and dataset there")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--spark", metavar="MASTER", help="ask Spark, too: local[2]")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        base = args.directory or Path(temporary)
        traces, url = base / "traces", str(base / "dataset")
        traces.mkdir(parents=True, exist_ok=True)
        with _Stage("generate"):
            records = generate(traces, args.machines, args.sessions)
        size = sum(path.stat().st_size for path in traces.rglob("*.ktrace"))
        print(f"{args.machines} machines, {records:,} records, {size / 1e6:,.0f} MB of traces")
        with _Stage("plain loop", records):
            loop = plain_loop(traces)
        with _Stage("export", records):
            export([str(traces)], url, args.jobs)
        kernels = (KERNELS[0], KERNELS[1])
        with _Stage("report, DuckDB"):
            engine = open_engine(Dataset(url))
            report = fleet_report(engine, kernels)
        if args.spark:
            with _Stage("report, Spark"):
                fleet_report(open_engine(Dataset(url), args.spark), kernels)
        (kept,) = engine.ask("SELECT count(*) AS n FROM sessions")
        stored = sum(path.stat().st_size for path in Path(url).rglob("*.parquet"))
        children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"{kept['n']} sessions in the dataset, {stored / 1e6:,.0f} MB of Parquet")
        print(
            f"largest resident set: {children / 1024:.0f} MiB exporting, {own / 1024:.0f} MiB here"
        )
        waits = {row["function"]: row["threads"] for row in report.tables["waits"]}
        print("threads by function, plain loop and report:")
        for name, number in loop.most_common(3):
            print(f"  {name}: {number} {waits.get(name, 0)}")


if __name__ == "__main__":
    main()
