"""The body of stuck's screen, in a replay: its report, as far as it fits."""

from rich.console import RenderableType
from rich.text import Text

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.blocked import BlockedTasks
from ktrace.views.blocked_report import section


class BlockedBody:
    """The ends of the wait chains come first, so they are what a small screen shows."""

    def lines(self, analysis: Analysis, t: float, width: int, height: int) -> list[RenderableType]:
        found = section([*analysis.of(BlockedTasks).open.values()])
        lines: list[RenderableType] = [
            Text(line, no_wrap=True, overflow="ellipsis") for line in found[:height]
        ]
        if len(found) > height:
            lines[-1] = Text(f"{len(found) - height + 1} more lines: see the report", style="dim")
        return lines
