"""One system call of a live run fails: what ktrace makes of it, exit code, output and trace."""

import errno
import io
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path

from ktrace.errors import UsageError
from ktrace.replay.run import replay
from ktrace.views.report import ReportView
from tests import stuck_tasks
from tests.tracer import KTRACE, LIMIT_S

SHIM = Path(__file__).parent / "programs" / "fail_call.c"
_EARLY = ("--stuck-after", "0.1", "-d", "1")
_FORK_ERRORS = (errno.EAGAIN, errno.ENOMEM)  # clone(2)
# of enum bpf_cmd, include/uapi/linux/bpf.h
_BPF = {
    "1": "map lookup",
    "2": "map update",
    "3": "map delete",
    "4": "map next key",
    "10": "program run",
}
_BPF |= {"33": "iterator"}
_CALL = re.compile(r"(\S+) (\S+) (\d+) ?(.*)")


@dataclass(frozen=True)
class Fault:
    who: str  # comm; of what it has forked, with a "+"
    call: str
    number: int
    what: str  # the file
    error: int = 0  # 0: the usual one

    def __str__(self) -> str:
        who = self.who.replace("python", "ktrace")
        error = f"({errno.errorcode[self.error]})" if self.error else ""
        words = (who, self.call, str(self.number), self.what, error)
        return " ".join(filter(None, words))


@dataclass(frozen=True)
class Outcome:
    """Of a run, and of `ktrace report` of its trace."""

    code: int
    out: str
    err: str
    report_code: int | None  # None: there is no trace
    report: str
    records: int  # in the trace
    ended: bool  # it has its end
    rest: bool  # the rest is elsewhere
    stuck: bool  # there was a stuck task to find

    @property
    def holds(self) -> str:
        """What the file holds, in words."""
        if self.report_code is None:
            held = "no file"
        elif not self.records:
            held = "nothing"
        else:
            held = "all of the run" if self.ended else f"{self.records} records, no end"
        return f"{held}; the rest is in --spill" if self.rest else held

    def broken(self) -> Iterator[str]:
        """What must not be, whatever fails."""
        for text in (self.out, self.err, self.report):
            if "Traceback" in text or "internal error" in text:
                yield "a traceback"
        if self.code not in (0, 1, 2, 3, 4):
            yield f"exit code {self.code}"
        if self.stuck and self.code == 0:
            yield "clean, though a task is stuck"
        if self.code == 1 and '"status":"open"' not in self.out:
            yield "found, without a finding on stdout"
        if self.code == 0 and not ('"verdict":"clean"' in self.out and self.ended):
            yield "clean, without its verdict on stdout or its end in the trace"
        if self.report_code == 0 and not self.ended:
            yield "the report of a trace without an end is clean"
        if self.report_code == 2 and self.records:
            yield "the trace cannot be read"


@dataclass(frozen=True)
class Live:
    """A live run; FOLDER in its command stands for one of its own."""

    command: tuple[str, ...]
    stuck: bool = True  # a killed task is


_RECORD = ("-o", "FOLDER/a.ktrace", "--spill", "FOLDER")
COMMAND = Live(("oom-hang", "--json", "-d", "0.2", *_RECORD, "--", "true"), stuck=False)
# waits are read, an action is started
ACTION = Live(("oom-hang", "--json", *_EARLY, *_RECORD, "--on-finding", "shell:true"))


# in segments, while a file of metrics is replaced
WATCH = Live(
    ("watch", "--json", *_EARLY, "--traces", "FOLDER/traces", "--metrics", "FOLDER/a.prom")
)


class Faults:
    """Runs of ktrace in a folder."""

    def __init__(self, folder: Path, live: Live = COMMAND) -> None:
        self._folder = folder
        self._live = live
        self._shim = folder / "fail_call.so"
        command = ["gcc", "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", self._shim, SHIM]
        subprocess.run([*command, "-ldl"], check=True)

    def calls(self) -> list[Fault]:
        """All that a run makes, which nothing goes wrong in."""
        log = self._folder / "log"
        log.unlink(missing_ok=True)  # of other runs in the folder
        outcome = self._run({"FAIL_LOG": str(log)})
        assert outcome.code == self._live.stuck, outcome.err
        assert outcome.ended
        found = [_CALL.fullmatch(line) for line in log.read_text().splitlines()]
        calls = [self._fault(*match.groups()) for match in found if match]
        forks = [call for call in calls if call.call == "fork" and call.who == "python"]
        return calls + [replace(fork, error=error) for fork in forks for error in _FORK_ERRORS[1:]]

    def run(self, fault: Fault) -> Outcome:
        error = {"FAIL_ERROR": str(fault.error)} if fault.error else {}
        return self._run({"FAIL_CALL": f"{fault.who} {fault.call} {fault.number}"} | error)

    def _fault(self, who: str, call: str, number: str, what: str) -> Fault:
        command = what.removeprefix("command ") if call == "bpf" else ""
        what = _BPF.get(command, what)
        for pattern, name in (
            (rf"{re.escape(str(self._folder))}\S*/a.ktrace", "the trace"),
            (r"(/\S*/)?ktrace-\d+T\d+Z-\d+\.ktrace", "the segment"),
            (r"(/\S*/)?\.?a\.prom(\.\d+)?", "the metrics"),
            (r"/proc/\d+/", "/proc/self/"),
            (rf"{re.escape(str(self._folder))}\S*/out", "stdout"),
            (rf"{re.escape(str(self._folder))}/[^/]+(/traces)?$", "the folder"),
            (r"pipe:\[\d+\]", "pipe to the other"),
        ):
            what = re.sub(pattern, name, what)
        return Fault(who, call, int(number), what)  # python: -m ktrace

    def _run(self, environment: dict[str, str]) -> Outcome:
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            folder = Path(name)
            out, err = folder / "out", folder / "err"
            command = [word.replace("FOLDER", name) for word in self._live.command]
            with out.open("w") as stdout, err.open("w") as stderr:
                done = subprocess.run(
                    [*KTRACE, *command],
                    env=os.environ | {"LD_PRELOAD": str(self._shim)} | environment,
                    stdout=stdout,
                    stderr=stderr,
                    timeout=LIMIT_S,
                )
            trace = next(folder.glob("traces/*"), folder / "a.ktrace")
            code, report = _report(trace)
            lines = trace.read_text().splitlines() if trace.exists() else []
            return Outcome(
                code=done.returncode,
                out=out.read_text(),
                err=err.read_text(),
                report_code=code,
                report=report,
                records=len(lines),
                ended=bool(lines) and json.loads(lines[-1]).get("kind") == "end",
                rest=any(folder.glob("ktrace-rest-*")),
                stuck=self._live.stuck,
            )


def _report(trace: Path) -> tuple[int | None, str]:
    if not trace.exists():
        return None, ""
    out = io.StringIO()
    try:
        with redirect_stdout(out):
            code = replay([str(trace)], lambda *_: ReportView(), 0)
    except UsageError as error:
        return error.exit_code, str(error)
    return code, out.getvalue()


@contextmanager
def stuck_task() -> Iterator[None]:
    """For ACTION: killed, it writes to a frozen file system."""
    with stuck_tasks.frozen_file_system() as frozen:
        stuck_tasks.kill(frozen.writer().pid)
        yield


@contextmanager
def stuck_behind_a_running_one() -> Iterator[None]:
    """For WATCH: killed, it waits for a FUSE server that runs, and is sampled."""
    with stuck_tasks.unanswered_fuse_request("spin") as request:
        stuck_tasks.kill(request.process.pid)
        yield


def first_only(calls: list[Fault]) -> list[Fault]:
    """Of each call on each file."""
    first: dict[tuple[str, str, str, int], Fault] = {}
    for fault in calls:
        first.setdefault((fault.who, fault.call, fault.what, fault.error), fault)
    return list(first.values())


def first_and_last(calls: list[Fault]) -> list[Fault]:
    """Of each call on each file."""
    last = {(f.who, f.call, f.what, f.error): f for f in calls}
    pairs = zip(first_only(calls), last.values(), strict=True)
    return list(dict.fromkeys(fault for pair in pairs for fault in pair))
