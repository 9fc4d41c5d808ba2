"""Does ktrace hold where very much happens at once? Memory, exact losses, and the verdict.

    sudo .venv/bin/python benchmarks/floods.py [kills | starved | stuck | squashfs [NUMBER]]

kills: NUMBER processes (20 000) are killed, 2 000 a second. starved: the same while ktrace is
stopped by SIGSTOP, so that its ring buffer overflows. stuck: a process of NUMBER threads (5 000),
all of them in writes to a frozen file system, is killed. squashfs: a process of NUMBER threads (32)
reads for ten seconds through squashfs's cache of three entries, and another one is killed while it
does so; for a kernel with squashfs. Prints a line for each: what happened, what ktrace has seen of
it, what it says to have lost, the most memory that it had, and how it ended. What was neither seen
nor counted as lost is a defect: the exit status is then 1.
"""

import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests import stuck_tasks

KTRACE = (sys.executable, "-m", "ktrace", "oom-hang", "--json")
LIMIT_S = 120.0
KILLS_A_SECOND = 2000
STUCK_AFTER_S = 1.0
FLOOD_S = 10.0
FILES_OF_A_THREAD = 8
KILLS_OF_SQUASHFS = 2  # when it is over, and amid it


class Run:
    """`ktrace oom-hang`, recorded; its end record and the most memory it had when it is stopped."""

    def __init__(self, folder: str) -> None:
        self._trace = Path(folder, "flood.ktrace")
        self._output = Path(folder, "flood.json")
        command = [*KTRACE, "--force", "-o", str(self._trace)]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(command, stdout=output)
        while not self._output.read_bytes().endswith(b"\n"):
            time.sleep(0.05)
        self._start_kib = self.memory("VmRSS")

    def memory(self, name: str) -> int:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)
        assert found
        return int(found[1])

    def findings(self) -> int:
        return len(re.findall(rb'"status": ?"open"', self._output.read_bytes()))

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def stop(self) -> dict[str, object]:
        most = self.memory("VmHWM")
        self._process.send_signal(signal.SIGINT)
        code = self._process.wait(LIMIT_S)
        end = json.loads(self._output.read_text().splitlines()[-1])
        assert end["kind"] == "end", end
        return {
            "rss_mib": round(self._start_kib / 1024, 1),
            "most_mib": round(most / 1024, 1),
            "trace_mib": round(self._trace.stat().st_size / 1e6, 1),
            "kills": events_in(self._trace, "fatal_signal"),
            "lost": end["lost_by"],
            "findings": end["findings"],
            "verdict": end["verdict"],
            "why": end["why"][:60],
            "code": code,
        }


def events_in(trace: Path, name: str) -> int:
    with trace.open("rb") as file:
        return sum(f'"event":"{name}"'.encode() in line for line in file)


def show(flood: str, result: dict[str, object], happened: int, seen: int, lost: str) -> bool:
    """lost: the kind of event that it was."""
    told = " ".join(f"{name} {value}" for name, value in result.items() if value not in ("", {}))
    print(f"{flood}: happened {happened}, seen {seen}; {told}", flush=True)
    counts = result["lost"]
    assert isinstance(counts, dict)
    doubtful = counts and result["verdict"] == "clean"
    return seen + int(counts.get(lost, 0)) >= happened and not doubtful


def kills(number: int = 20_000, starved: bool = False) -> bool:
    program = stuck_tasks.compiled("flood")
    arguments = [str(program), "kills", str(number), str(number / KILLS_A_SECOND)]
    with tempfile.TemporaryDirectory() as folder:
        run = Run(folder)
        if starved:
            run.signal(signal.SIGSTOP)
        done = subprocess.run(arguments, capture_output=True, text=True, check=True)
        run.signal(signal.SIGCONT)
        killed, took = done.stdout.split()
        result = run.stop()
    seen = result["kills"]
    assert isinstance(seen, int)
    how = " while ktrace is stopped" if starved else ""
    return show(f"{killed} kills in {took} s{how}", result, int(killed), seen, "fatal_signal")


def stuck(number: int = 5_000) -> bool:
    program = stuck_tasks.compiled("flood")
    with tempfile.TemporaryDirectory() as folder, stuck_tasks.frozen_file_system() as frozen:
        run = Run(folder)
        arguments = [str(program), "stuck", str(number), str(frozen.folder / "file1")]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE) as threads:
            assert threads.stdout is not None
            assert threads.stdout.readline() == b"ready\n"
            stuck_tasks.wait_until(f"{number} sleep", lambda: asleep(threads.pid) == number)
            started = time.monotonic()
            threads.kill()
            time.sleep(STUCK_AFTER_S)
            left = asleep(threads.pid)
            assert left, "nobody is stuck"
            while run.findings() < left and time.monotonic() < started + LIMIT_S:
                time.sleep(0.2)
            took = time.monotonic() - started
            found = run.findings()
            result = run.stop()
            frozen.thaw()
    return show(f"{number} stuck threads, told after {took:.1f} s", result, left, found, "")


def squashfs(number: int = 32, seconds: float = FLOOD_S) -> bool:
    files = number * FILES_OF_A_THREAD
    with tempfile.TemporaryDirectory() as folder, stuck_tasks.squashfs(files) as mounted:
        run = Run(folder)
        with stuck_tasks.program("flood_squashfs", number, seconds, mounted, files) as flood:
            assert flood.stdout
            reads, sleeps, took = map(float, flood.stdout.readline().split())
        with stuck_tasks.program("flood_squashfs", number, LIMIT_S, mounted, files) as flood:
            stuck_tasks.wait_until("one waits", lambda: waits_for_cache(flood.pid))
        result = run.stop()
    kills = result["kills"]
    assert isinstance(kills, int)
    rates = f"{reads / took:.0f} reads and {sleeps / took:.0f} sleeps in squashfs a second"
    return show(f"{rates}, for {took:.1f} s", result, KILLS_OF_SQUASHFS, kills, "fatal_signal")


def waits_for_cache(pid: int) -> bool:
    """A thread of the process."""
    tids = stuck_tasks.threads(pid)
    return any(Path(f"/proc/{tid}/wchan").read_text() == "squashfs_cache_get" for tid in tids)


def asleep(pid: int) -> int:
    """How many threads of the process are in D, in one and the same function: who has not yet come
    to its write() may be in D elsewhere, for a moment."""
    tids = [tid for tid in stuck_tasks.threads(pid) if stat_letter(tid) == "D"]
    places = Counter(Path(f"/proc/{tid}/wchan").read_text() for tid in tids)
    return max(places.values(), default=0)


def stat_letter(tid: int) -> str:
    return Path(f"/proc/{tid}/stat").read_text().rpartition(")")[2].split()[0]


FLOODS = {
    "kills": kills,
    "starved": partial(kills, starved=True),
    "stuck": stuck,
    "squashfs": squashfs,
}


def main() -> int:
    names = sys.argv[1:2] or [*FLOODS]
    if names[0] not in FLOODS or not all(word.isdigit() for word in sys.argv[2:3]):
        sys.exit(__doc__)
    held = [FLOODS[name](*map(int, sys.argv[2:3])) for name in names]  # type: ignore[operator]
    return not all(held)


if __name__ == "__main__":
    sys.exit(main())
