"""A live run without a kernel: the loop of ktrace.live.run with events that a test gives."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ktrace.errors import ExitCode
from ktrace.events import Event
from ktrace.findings import Probe
from ktrace.live import opening
from ktrace.live import run as live
from ktrace.live.options import Options
from ktrace.problems import PROBLEMS
from ktrace.replay.run import replay
from ktrace.sources.live.source import now
from ktrace.views.json_lines import JsonLinesView
from ktrace.views.report import ReportView
from ktrace.views.view import View

Feed = Callable[[float], Iterable[Event]]


class FakeSource:
    """In place of LiveSource: all probes are attached. `feed` gets the time and gives events."""

    feed: Feed = staticmethod(lambda t: [])
    breathe: Callable[[], None]  # of the newest

    def __init__(
        self,
        stuck_after: float,
        loader_name: str,
        all_waits: bool,
        hot: tuple[str, ...],
        min_order: int | None,
        breathe: Callable[[], None],
    ) -> None:
        FakeSource.breathe = staticmethod(breathe)
        names = [name for problem in PROBLEMS for name in problem.probes]
        self.probes = [Probe(name, "tp_btf", "attached") for name in names]
        self.loader = SimpleNamespace(name=loader_name)
        self.closed = False
        self.why_no_waits = ""
        self.attaching_t = self.attached_t = now()

    def load_symbols(self) -> int:
        return 1

    def read(self, timeout_s: float) -> Iterable[Event]:
        time.sleep(min(timeout_s, 0.01))
        return self.feed(now())

    def finish(self) -> list[Event]:
        return []

    def close(self) -> None:
        self.closed = True


class NothingEarlier:
    """In place of EarlierPages: this machine's log is no matter here."""

    def __init__(self, state: str | None) -> None:
        pass

    def events(self, session: object) -> list[Event]:
        return []

    def add(self, event: Event) -> None:
        pass

    def confine(self, call: object) -> None:
        pass

    def close(self) -> str:
        return ""


class FakeRun:
    """Runs ktrace's loop in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capfd = capfd
        monkeypatch.setattr(opening, "LiveSource", FakeSource)
        monkeypatch.setattr(live, "open_earlier", lambda _: [NothingEarlier(None)])
        monkeypatch.setattr(live, "confine", lambda *_, **__: "")  # this process is the test's
        monkeypatch.setattr(live.survival, "survive", list)

    def feed(self, feed: Feed) -> None:
        self._monkeypatch.setattr(FakeSource, "feed", staticmethod(feed))

    def once(self, make: Callable[[float], list[Event]]) -> None:
        """The events that make gives for the time of the first read, and no more; of the last one
        where the run ended, on a busy machine, before it read."""
        left = [make]

        def read(t: float) -> list[Event]:
            return left.pop()(t) if left else []

        self.feed(read)
        self._monkeypatch.setattr(FakeSource, "finish", lambda _: read(now()))

    def __call__(self, view: View | None = None, **options: Any) -> tuple[ExitCode, str, str]:
        """Exit code, stdout, stderr."""
        values = {"command": "oom-hang", "duration": 0.1} | options
        code = live.run(Options(**values), view or JsonLinesView())
        out, err = self._capfd.readouterr()
        return code, out, err

    def report(self, trace: Path) -> tuple[ExitCode, str]:
        """What `ktrace report` makes of the recording."""
        code = replay([str(trace)], lambda *_: ReportView(), 0)
        return code, self._capfd.readouterr().out

    def records(self, **options: Any) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self(**options)[1].splitlines()]

    def end(self, **options: Any) -> dict[str, Any]:
        return self.records(**options)[-1]


def last_record(path: Path) -> dict[str, Any]:
    """Of a trace file."""
    return json.loads(path.read_text().splitlines()[-1])  # type: ignore[no-any-return]
