"""What reads untrusted files, all the way to what is shown. Nothing but UsageError may come out."""

import contextlib
import gzip
import io
from collections.abc import Callable, Iterable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import cast

from rich.console import Console

from ktrace import bad_page_state
from ktrace.commands.known_option import catalogue
from ktrace.comparison.runs import read_runs
from ktrace.detectors.analysis import Analysis
from ktrace.detectors.bad_page import earlier_event
from ktrace.errors import CannotTrace, UsageError
from ktrace.events import Event
from ktrace.findings import Session
from ktrace.known_bugs import Catalogue
from ktrace.live.head import describe
from ktrace.live.options import Options
from ktrace.live.origin import OnBoard
from ktrace.log_run import run as run_log
from ktrace.redaction import Redaction
from ktrace.replay.run import replay
from ktrace.sources.agent.source import AgentSource
from ktrace.views.choice import _body
from ktrace.views.formats.document import Document, Format
from ktrace.views.json_lines import JsonLinesView
from ktrace.views.lines import LinesView
from ktrace.views.log_view import LogJsonView, LogLinesView
from ktrace.views.output import say
from ktrace.views.report import ReportView
from ktrace.views.screen import ScreenView
from ktrace.views.view import View
from tests.factories import session
from tests.sources.agent.streams import all_frames, hang

OWN = Catalogue()


def _screen(of: Session) -> View:
    console = Console(file=io.StringIO(), width=80, height=24, force_terminal=False)
    return ScreenView(_body(of.command, of.also), "", console)


def trace(path: Path) -> None:
    views: list[Callable[[Session], View]] = [
        lambda _: LinesView(),
        lambda _: JsonLinesView(),
        lambda _: ReportView(),
        _screen,
    ]
    for view in views:
        replay([str(path)], lambda session, _, view=view: view(session), 0)  # type: ignore[misc]
    read_runs((str(path),), None)


def formats(path: Path) -> None:
    """`ktrace report --redact` in each format."""
    for name in ("html", "markdown", "perfetto", "folded"):
        document = Document(cast(Format, import_module(f"ktrace.views.formats.{name}")))
        chapter = partial(_chapter, document)
        replay([str(path)], chapter, 0, Redaction().of)
        for line in document.lines():
            say(line)


def _chapter(document: Document, _command: str, file: str) -> View:
    view = document.chapter(file)
    view.known = OWN
    return view


def known(path: Path) -> None:
    """A file of --known."""
    catalogue((str(path),))


def log(path: Path) -> None:
    run_log([str(path)], LogLinesView(True))
    run_log([str(path)], LogJsonView())


def state(path: Path) -> None:
    kept = bad_page_state.load(str(path))
    view = ReportView()
    analysis = Analysis(session(command="bad-page"))
    view.start(analysis)
    for sighting in kept:
        event = earlier_event(sighting, 100.0)
        view.event(event, analysis.feed(event))
    view.end(analysis.end())
    bad_page_state.save(str(path), [*kept])


def agent(path: Path) -> None:
    """The stream of an agent that is of this ktrace; of another it is refused."""
    with contextlib.suppress(CannotTrace):
        board = AgentSource(str(path))
        origin = OnBoard(board)
        warnings = tuple(origin.warnings(board.load_symbols()))
        analysis = Analysis(describe(Options(command="oom-hang"), board, origin, warnings))
        views: list[View] = [LinesView(), JsonLinesView(), ReportView()]
        for view in views:
            view.start(analysis)
        while not origin.ended():
            _show(analysis, board.read(0.0), views)
        _show(analysis, board.finish(), views)
        board.close()
        end = analysis.end()
        for view in views:
            view.end(end)


def _show(analysis: Analysis, events: Iterable[Event], views: Iterable[View]) -> None:
    for event in events:
        findings = analysis.feed(event)
        for view in views:
            view.event(event, findings)


TARGETS: dict[str, Callable[[Path], None]] = {
    "agent": agent,
    "trace": trace,
    "formats": formats,
    "log": log,
    "state": state,
    "known": known,
}


def attack(name: str, path: Path, data: bytes) -> str:
    """What was shown. Raises what a user would see as a traceback."""
    path.write_bytes(data)
    shown = io.StringIO()
    with (
        contextlib.redirect_stdout(shown),
        contextlib.redirect_stderr(shown),
        contextlib.suppress(UsageError),
    ):
        TARGETS[name](path)
    return shown.getvalue()


def seeds(name: str) -> list[bytes]:
    """Small and whole inputs, and those of the corpus that once did harm."""
    here = Path(__file__).parent
    root = here.parents[1]
    corpus = [file.read_bytes() for file in sorted((here / "corpus").glob(f"{name}-*"))]
    if name == "known":
        return [*corpus, (root / "ktrace/known_bugs.toml").read_bytes()[-3000:]]
    if name == "agent":
        return [*corpus, *(b"".join(board.frames) for board in (hang(), all_frames()))]
    if name in ("trace", "formats"):
        traces = [*root.glob("examples/bad-*/*.ktrace"), *root.glob("examples/*/*.ktrace.gz")]
        return [*corpus, *(_beginning(_plain(file.read_bytes())) for file in sorted(traces))]
    if name == "log":
        logs = sorted((root / "tests/golden/logs").iterdir())
        return [*corpus, *(file.read_bytes()[:20_000] for file in logs if file.is_file())]
    return corpus


def _plain(data: bytes) -> bytes:
    return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data


def _beginning(data: bytes) -> bytes:
    return b"\n".join(data.split(b"\n")[:60])
