"""ktrace, and what one would take instead: how each is started, and why it cannot run here."""

import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.suite.machine import KTRACE, OTHERS_CPU
from ktrace.record import record

SETTLE_S = 1.5  # after which a tool has attached, or has told why not
_STOP_S = 20.0
_SWITCHES = "tracepoint:sched:sched_switch"
# time that each command is off the CPU in an uninterruptible sleep, in a map
OFF_CPU = (
    f"{_SWITCHES} {{ if (args->prev_state & 2) {{ @from[args->prev_pid] = nsecs; }} "
    "if (@from[args->next_pid]) { @ns[args->next_comm] = sum(nsecs - @from[args->next_pid]); "
    "delete(@from[args->next_pid]); } }"
)
# large blocks of pages by stack and command, and which are not yet free, as big-alloc counts them
_LARGE = "/args->order >= 3/"
BLOCKS = (
    f"tracepoint:kmem:mm_page_alloc {_LARGE} {{ @calls[kstack, comm] = count(); "
    "@live[args->pfn] = args->order; } "
    f"tracepoint:kmem:mm_page_free {_LARGE} {{ delete(@live[args->pfn]); }}"
)
_EVENTS = ("sched:sched_switch", "signal:signal_generate")
_EVENT_OPTIONS = [word for event in _EVENTS for word in ("-e", event)]
_REASON = re.compile(r"no such file|not permitted|not supported|cannot|can't|unable", re.IGNORECASE)


class NotRun(Exception):
    """Its text: why a tool cannot run on this machine."""


@record
class Contender:
    """command: with where its output goes; behind: what comes before a COMMAND that it runs, None:
    it runs none."""

    name: str
    command: Callable[[Path], list[str]]
    behind: str | None = None

    def behind_it(self, folder: Path, program: str) -> list[str]:
        """Its command with a COMMAND."""
        words = [program] if self.behind == "-c" else program.split()
        return [*self.command(folder), *filter(None, [self.behind]), *words]


def _tool(*words: str) -> Callable[[Path], list[str]]:
    return lambda folder: [word.replace("FOLDER", str(folder)) for word in words]


CONTENDERS = (
    Contender("ktrace oom-hang", _tool(*KTRACE, "oom-hang"), "--"),
    Contender("ktrace squashfs", _tool(*KTRACE, "squashfs"), "--"),
    Contender("ktrace big-alloc", _tool(*KTRACE, "big-alloc"), "--"),
    Contender(
        "ktrace record", _tool(*KTRACE, "record", "--force", "-o", "FOLDER/trace.ktrace"), "--"
    ),
    Contender("bpftrace, off-CPU one-liner", _tool("bpftrace", "-e", OFF_CPU), "-c"),
    Contender("bpftrace, large blocks one-liner", _tool("bpftrace", "-e", BLOCKS), "-c"),
    Contender("bpftrace oomkill.bt", _tool("bpftrace", "/usr/sbin/oomkill.bt"), "-c"),
    Contender("bcc oomkill", _tool("oomkill-bpfcc")),
    Contender("bcc offcputime", _tool("offcputime-bpfcc", "--state", "2")),
    Contender("bcc memleak, of the kernel", _tool("memleak-bpfcc", "5")),
    Contender(
        "perf record",
        _tool("perf", "record", "-q", "-a", *_EVENT_OPTIONS, "-o", "FOLDER/perf.data"),
        "--",
    ),
    Contender(
        "trace-cmd record",
        _tool("trace-cmd", "record", *_EVENT_OPTIONS, "-o", "FOLDER/trace.dat"),
        "--",
    ),
)
OURS = ("ktrace oom-hang", "ktrace squashfs", "ktrace big-alloc", "ktrace record")


class Running:
    """A contender that has attached, on another CPU than the loads."""

    def __init__(self, contender: Contender, folder: Path) -> None:
        self._log = folder / "contender.log"
        with self._log.open("wb") as log:
            try:
                self._process = subprocess.Popen(
                    ["taskset", "-c", str(OTHERS_CPU), *contender.command(folder)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=folder,
                )
            except OSError as error:
                raise NotRun(str(error)) from None
        time.sleep(SETTLE_S)
        if self._process.poll() is not None:
            raise NotRun(_reason(self._log.read_text(errors="replace")))

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _reason(text: str) -> str:
    """The line that says it, else the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if _REASON.search(line) and "RLIMIT_MEMLOCK" not in line]
    return (told or lines or ["it ended at once"])[0 if told else -1][:110]
