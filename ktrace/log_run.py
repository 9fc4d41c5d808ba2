"""A kernel log through the same detectors as a live run."""

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from lzma import LZMAError
from typing import Any

import ktrace
from ktrace.detectors.alarms import Alarms
from ktrace.detectors.analysis import Analysis
from ktrace.detectors.hung_tasks import KEPT, HungTasks
from ktrace.errors import CannotTrace, ExitCode, UsageError
from ktrace.findings import KERNEL_LOG, End, Finding, Session
from ktrace.plural import count
from ktrace.sources.log.files import LogFiles, is_single
from ktrace.sources.log.input import open_log
from ktrace.sources.log.kmsg import KernelLog
from ktrace.sources.log.source import KernelLogSource
from ktrace.trace.damage import Damage, Loss
from ktrace.trace.format import FORMAT
from ktrace.verdicts import EXIT_CODES, with_doubt
from ktrace.views.progress import Progress
from ktrace.views.view import View

# Every kernel log has one of these: time stamps, a logger that names the kernel, words that a
# kernel without either prints early
_KERNELS = re.compile(
    rb"\[ *\d{1,6}\.\d{6}\]|\bkernel(?:\[\d+\])?: |Linux version \d|^\d{1,4},\d+,\d+,[^;]*;"
    rb"|_TRANSPORT\W+kernel|[Cc]all [Tt]race:|^<\d>|"
    rb"\bHardware name: |Killed process \d|Command line: |\b(?:usb|pci|ata|sd) [\d:.-]+: |"
    rb"^[^\W\d]\w\w [^\W\d]\w\w +\d+ [\d:]{8} \d{4}\] |kern +:\w+ *: ",
    re.MULTILINE,
)
_TAIL = 64  # bytes of a block: the signs are shorter
_BINARY_SHARE = 0.1  # of bytes that no console prints: such a file is no log
_CONTROLS = bytes(byte for byte in range(0x20) if byte not in b"\t\n\r\x1b")


def run(paths: Sequence[str], view: View, *, alarms: bool = True) -> ExitCode:
    """Show what the logs tell together. paths: "-" is stdin; none: the running kernel's log.
    alarms: do they alone make the verdict "found"?

    Raises UsageError where it cannot be read, CannotTrace where the kernel keeps its log secret.
    """
    try:
        damage = Damage()
        stream, size = _open(paths, damage)
    except OSError as error:
        raise _refusal(paths, error) from None
    with closing(stream):
        watched = _Watched(stream, paths, Progress(size), damage)
        source = KernelLogSource(watched, "" if paths else _boot_id())
        try:
            analysis = Analysis(_session(paths))
            analysis.uncounted = frozenset() if alarms else frozenset({"alarm"})
            end = _follow(source, watched, view, analysis)
        finally:
            watched.progress.close()
            view.close()
    return EXIT_CODES[end.verdict]


def _follow(source: KernelLogSource, watched: "_Watched", view: View, analysis: Analysis) -> End:
    """All events to the view as they are read, the verdicts when the whole log is known."""
    view.start(analysis)
    at_once = 0
    for event in source.events():
        found = analysis.feed(event)
        if found:
            found = [finding for finding in found if not finding.sums_up]
            at_once += sum([finding.status == "open" for finding in found])
        view.event(event, found)
    final: list[Finding] = [
        finding if finding.status == "open" else replace(finding, status="open")
        for finding in analysis.current()
    ]
    if final:
        view.event(None, final)
    for note in (*watched.notes(), *_notes(source, analysis)):
        view.note(note)
    end = analysis.end()
    counted = [finding for finding in final if finding.finding not in analysis.uncounted]
    end = replace(end, findings=at_once + len(counted))
    end = with_doubt(end, *watched.doubts())
    if end.verdict == "clean":
        end = with_doubt(end, *_doubts(source))
    if watched.is_other and not analysis.events:
        raise UsageError(
            f"{analysis.session.host or 'the input'} is no kernel log: none of its lines is a "
            "kernel's",
            hint="dmesg > FILE   or   journalctl -k > FILE",
        )
    view.end(end)
    return end


def _notes(source: KernelLogSource, analysis: Analysis) -> Iterator[str]:
    """What the log does not tell."""
    if source.suppressed:
        suppressed = count(source.suppressed, "more bad page")
        yield f"{suppressed} not reported: the kernel prints at most 60 a minute"
    if source.mentioned:
        mentions = count(source.mentioned, "mention")
        yield f"{mentions} of a report that is not there, the first in line {source.first_mention}"
    hung, kept = analysis.of(HungTasks).total, KEPT
    if source.hung_suppressed:
        yield (
            "khungtaskd stopped reporting (kernel.hung_task_warnings ran out, line "
            f"{source.hung_suppressed[0]}): the number of hung tasks is a lower bound"
        )
    elif hung:
        yield (
            "there may be more hung tasks: khungtaskd stops after kernel.hung_task_warnings "
            "reports (10 by default)"
        )
    if hung > kept:
        yield f"of {hung} hung tasks, {kept} are told"
    unkept = analysis.of(Alarms).unkept
    if unkept:
        yield f"{unkept} more alarms, each with a title of its own, are not told"


def _doubts(source: KernelLogSource) -> Iterator[str]:
    """Why a log in which nothing was found is not clean."""
    if source.suppressed:
        yield f"the kernel found {count(source.suppressed, 'bad page')} that it did not report"
    if source.untold:
        yield f"a report is not whole: of what line {source.untold} tells, the log has no more"


class _Watched:
    """The stream, with a progress bar, and an eye on what kind of bytes it has."""

    def __init__(
        self, stream: Any, paths: Sequence[str], progress: Progress, damage: Damage
    ) -> None:
        self.progress = progress
        self._name = _name(paths) or "/dev/kmsg"
        self._damage = damage
        self._stream = stream
        self._bytes = 0
        self._first = 0  # bytes of the first block, and how many of them are no text
        self._binary = 0
        self._kernels = False
        self._tail = b""

    def read(self, size: int, /) -> bytes:
        block = self._block(size)
        if not self._bytes:
            self._first = len(block)
            self._binary = len(block) - len(block.translate(None, _CONTROLS))
        if not self._kernels and not block.isspace():
            self._kernels = _KERNELS.search(self._tail + block) is not None
            self._tail = block[-_TAIL:]
        self._bytes += len(block)
        self.progress.update(self._bytes)
        return block

    def _block(self, size: int) -> bytes:
        """What can be read of a file that is damaged further on is worth it."""
        try:
            block: bytes = self._stream.read(size)
        except (OSError, EOFError, LZMAError) as error:  # EOFError: an xz file that is cut off
            if not self._bytes:
                raise UsageError(f"cannot read {self._name}: {error}") from None
            self._damage.add(Loss.READ, f"byte {self._bytes}", str(error))
            return b""
        return block

    @property
    def is_other(self) -> bool:
        """There is text, and nothing in it looks as if a kernel had written it."""
        return bool(self._bytes) and not self._kernels and not self.doubts()

    def notes(self) -> list[str]:
        """Which line numbers are of which file."""
        if not isinstance(self._stream, LogFiles):
            return []
        first = self._stream.first_lines
        told = (
            [f"{name} from line {line}" for name, line in first.items()] if len(first) > 1 else []
        )
        notes = [f"lines are counted over all files: {', '.join(told)}"] if told else []
        if self._stream.ordered:
            notes.append("the parts of pstore were put in order, and lines are counted in that")
        return notes

    def doubts(self) -> list[str]:
        """Why finding nothing in it would mean nothing."""
        if self._damage:
            return self._damage.lines()
        if not self._bytes:
            return ["the log is empty"]
        if self._binary > _BINARY_SHARE * self._first:
            return ["this is binary data, not a kernel log"]
        return []


def _open(paths: Sequence[str], damage: Damage) -> tuple[Any, int]:
    """The stream, and its size in bytes; 0: not known. Raises OSError."""
    if not paths:
        return KernelLog(), 0
    if len(paths) == 1 and is_single(paths[0]):
        stream = open_log(paths[0], damage)
        return stream, os.path.getsize(paths[0]) if hasattr(stream, "fileno") else 0
    for path in paths:
        if path != "-":
            open_log(path, damage).close()  # all can be opened, before the first is read
    return LogFiles(paths, damage), 0


def _name(paths: Sequence[str]) -> str:
    """Of the logs, for messages."""
    return paths[0] if len(paths) == 1 else f"{len(paths)} files" if paths else ""


def _refusal(paths: Sequence[str], error: OSError) -> Exception:
    if paths:
        name = error.filename or _name(paths)
        return UsageError(f"cannot read {name}: {error.strerror or error}")
    return CannotTrace(
        f"cannot read the kernel's log: {error.strerror or error}",
        hint="sudo dmesg | ktrace dmesg -   or   ktrace dmesg FILE",
    )


def _session(paths: Sequence[str]) -> Session:
    own = None if paths else os.uname()
    return Session(
        ktrace=ktrace.__version__,
        format=FORMAT,
        command="dmesg",
        host=own.nodename if own else _name(paths),
        kernel=own.release if own else "",
        boot_id=_boot_id() if own else "",
        machine=own.machine if own else "",
        clock="the log's time stamps",
        t=0.0,
        wall=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        loader=KERNEL_LOG,
        stuck_after=0.0,
        probes=(),
    )


def _boot_id() -> str:
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()
