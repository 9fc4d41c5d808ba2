"""A report that is being read."""

from ktrace.sources.log.kind import Kind
from ktrace.sources.log.line import LogLine
from ktrace.sources.log.report import Report

_BETWEEN = 3  # lines of others between the first line and the next, where CPUs are interleaved


class OpenReport:
    """With the number of its lines, and those of others since the last of its own."""

    __slots__ = ("boot", "foreign", "kind", "lines", "report")

    def __init__(self, kind: Kind, report: Report, boot: str) -> None:
        self.kind = kind
        self.report = report
        self.boot = boot
        self.lines = 0
        self.foreign = 0

    def take(self, line: LogLine) -> bool:
        report = self.report
        if report.finished or line.caller != report.caller:
            return False
        self.lines += 1
        if report.take(line):
            self.foreign = 0
            report.grew(line)
            return True
        self.foreign += 1
        return False

    def take_whole(self, line: LogLine) -> bool:
        """All lines of a call trace or a table, if they are the report's."""
        report = self.report
        assert line.whole
        lines = self.lines + line.whole.length
        foreign = self.foreign + line.whole.length
        if lines > report.lines_max or foreign > report.foreign_max:
            return False  # it is over within them
        if report.finished or report.caller:
            return False
        if not report.take_whole(line.whole, line.number):
            return False
        self.lines = lines
        self.foreign = 0
        report.grew(line)
        return True

    def has(self, kind: Kind) -> bool:
        """Would a first line of that kind be one of the report's own?"""
        name = self.kind.name
        if self.report.finished:
            return False
        return name in kind.after or (name in kind.inside and not self.report.complete)

    def is_ended_by(self, kind: Kind) -> bool:
        """Would the first line of another report of that kind, printed by nobody that is named,
        end it?"""
        report = self.report
        if report.finished or report.over:
            return True
        return kind.alone and kind.name == self.kind.name and self.lines > 0 and not report.caller

    @property
    def is_quoted(self) -> bool:
        """Its first line stands alone in other text: what follows is another's."""
        return self.report.bodiless and self.foreign > _BETWEEN

    @property
    def done(self) -> bool:
        report = self.report
        return report.finished or self.lines > report.lines_max or self.foreign > report.foreign_max
