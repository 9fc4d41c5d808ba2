"""What ktrace concludes from the traces of several boots together."""

from collections.abc import Sequence
from pathlib import Path

from ktrace.errors import ExitCode
from ktrace.findings import End
from ktrace.replay.run import replay
from ktrace.views.report import ReportView


class _EarlierReport(ReportView):
    """Of a trace that is not the last: it only adds to the verdict."""

    def end(self, end: End) -> None:
        pass


def verdict_over(traces: Sequence[Path]) -> ExitCode:
    """Print the report of the last trace, for whose verdict those before it count: the end of
    what `ktrace report` says of them all."""
    views = iter([*(_EarlierReport() for _ in traces[1:]), ReportView()])
    return replay([str(path) for path in traces], lambda *_: next(views), 0)
