"""What all alarms have in common: a first line, whose context it was, a call trace, a title.

A title is made as syzkaller makes it (pkg/report/linux.go of github.com/google/syzkaller): from the
first line, and the first function that is not plumbing.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from ktrace.events import Alarm, Event, Stack, Task
from ktrace.findings.signature import function_names
from ktrace.kernel.taint import foreign_modules
from ktrace.record import record
from ktrace.sources.log.frames import WHERE
from ktrace.sources.log.kind import Kind
from ktrace.sources.log.line import LogLine
from ktrace.sources.log.memory_faults import memory_fault
from ktrace.sources.log.report import Report, Trace, seconds

_BY_TASK = re.compile(
    r"\bby task (?P<comm>.{1,64})/(?P<pid>\d{1,10})(?: on cpu \d+)?:?\s*$"
    # arch/arm/kernel/traps.c, arch/mips/kernel/traps.c: __die(), show_registers()
    r"|^Process (?P<old_comm>.{1,64}?) \(pid: (?P<old_pid>\d{1,10}), (?:stack limit|thread ?info)"
)
_TAINT = re.compile(r"\bTainted: (?P<letters>[A-Z](?:[ -]*[A-Z])*)\s")
_END = re.compile(r"---\[ end (?:trace|Kernel panic)|^={20,}$|^Code: ")
_DETAILS_MAX = 12  # a firmware's record has its DIMM in the eleventh
_AFTER = 5  # lines: a panic may still come, which is the same misfortune
# A report longer than that is none: a console of 9600 baud prints 100 lines in 6 s
_SECONDS_MAX = 10.0

Words = dict[str, str]


@record
class Spec:
    """One kind of alarm. title: with the head's groups, and {function}; " in {function}" is left
    out where no function is known. details: lines that say more; their groups are words too."""

    class_: str
    title: str
    single: bool = False  # one line, no call trace
    details: tuple[re.Pattern[str], ...] = ()
    words: Callable[[Words], Words] | None = None  # of the groups, for the title
    full: re.Pattern[str] | None = None  # a line with which it has what it needs


class AlarmReport(Report):
    """From the first line to the end of the call trace."""

    seconds_max = _SECONDS_MAX
    yields_after = 1.0  # CPUs that print at the same time begin together

    def __init__(self, spec: Spec, line: LogLine, head: re.Match[str]) -> None:
        super().__init__(line, Trace(comm=None))
        self._spec = spec
        self._words: Words = {key: value or "" for key, value in head.groupdict().items()}
        self._detail: list[str] = []
        self._told: set[re.Pattern[str]] = set()
        self._function = self._words.get("function", "")
        self._task = self._task_of(self._words)
        self._taint = ""
        self._modules: tuple[str, ...] = ()
        self._after = 0  # lines of others since the end of the call trace
        self._full = bool(spec.full and spec.full.search(line.text))
        self.finished = spec.single

    @property
    def complete(self) -> bool:
        return self._trace.ended or self._full

    def take(self, line: LogLine) -> bool:
        text = line.text
        if match := self._once(WHERE, text):
            self._function = self._function or match["name"]
            return True
        self._modules = self._modules or foreign_modules(text)
        if not self._taint and (match := _TAINT.search(text)):
            self._taint = match["letters"].replace(" ", "")
        for pattern in self._spec.details:
            if pattern not in self._told and (match := pattern.match(text)):
                self._full |= bool(self._spec.full and self._spec.full.search(text))
                if pattern.groupindex:  # it tells one thing: a second time it is another report's
                    self._told.add(pattern)
                self._take_detail(text, match)
                return True
        if match := self._once(_BY_TASK, text):
            comm, pid = match["comm"] or match["old_comm"], match["pid"] or match["old_pid"]
            self._task = self._task or self._task_of({"comm": comm, "pid": pid})
            return True
        if self._trace.take(line):
            return True
        self._after += self._trace.ended or (bool(self._trace.stack) and bool(_END.match(text)))
        self.finished = self._after > _AFTER
        return False

    def _once(self, pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
        """What a report says once: a second time it is another report's."""
        if pattern in self._told or not (match := pattern.search(text)):
            return None
        self._told.add(pattern)
        return match

    def _take_detail(self, text: str, match: re.Match[str]) -> None:
        if len(self._detail) < _DETAILS_MAX and text not in self._detail:
            self._detail.append(text)
        for key, value in match.groupdict().items():
            if value and not self._words.get(key):
                self._words[key] = value
        self._task = self._task or self._task_of(self._words)

    def _task_of(self, words: Mapping[str, str | None]) -> Task | None:
        comm, pid = words.get("comm"), words.get("pid") or "0"
        return Task(int(pid), int(pid), comm) if comm else None

    def events(self, boot: str) -> Iterator[Event]:
        """The alarm; and the fault, where the memory itself is what it tells of."""
        yield self.event(boot)
        lines = [self.first_text, *self._detail]
        if fault := memory_fault(self._spec.class_, lines, seconds(self._line), boot):
            yield fault

    def event(self, boot: str) -> Alarm:
        return Alarm(
            t=seconds(self._line),
            boot=boot,
            kernel=self.kernel,
            class_=self._spec.class_,
            title=self._title(self._trace.stack),
            task=self._whose(),
            detail=tuple(self._detail),
            stack=self._trace.stack,
            unreliable=self._trace.unreliable,
            taint=self._taint,
            lines=self.lines,
            modules=self._modules,
        )

    def _whose(self) -> Task | None:
        """By the first line; where that has no pid, by the line that has."""
        other = self._trace.task
        if self._task and not self._task.pid and other:
            # of a prefix that is not known, the name has some
            return other if f" {self._task.comm}".endswith(f" {other.comm}") else self._task
        return self._task or other

    def _title(self, stack: Stack) -> str:
        names = function_names([self._function] if self._function else ()) + function_names(stack)
        words = self._spec.words(self._words) if self._spec.words else self._words
        title = self._spec.title
        if not names:
            title = title.replace(" in {function}", "")
        filled = title.format_map(_Missing(words | {"function": names[0] if names else ""}))
        return " ".join(filled.split())


class _Missing(Words):
    """A word that the log does not have is empty."""

    def __missing__(self, key: str) -> str:
        return ""


def alarm(
    class_: str,
    markers: tuple[bytes, ...],
    head: str,
    title: str,
    *,
    single: bool = False,
    details: tuple[str, ...] = (),
    words: Callable[[Words], Words] | None = None,
    inside: tuple[str, ...] = (),
    after: tuple[str, ...] = (),
    anchored: bool = True,
    name: str = "",
    full: str = "",
) -> Kind:
    """A kind of alarm; see Spec and Kind. name: where not the class is its name as a kind."""
    patterns = tuple(re.compile(detail) for detail in details)
    spec = Spec(class_, title, single, patterns, words, re.compile(full) if full else None)
    report = partial(AlarmReport, spec)
    pattern = re.compile(head)
    return Kind(name or class_, markers, pattern, report, anchored, True, inside, after)
