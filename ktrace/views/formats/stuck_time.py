"""When each task was stuck or blocked, and where: what all formats draw."""

from collections.abc import Iterator

from ktrace.detectors.stuck import StuckTasks
from ktrace.findings import BlockedTask, StuckTask
from ktrace.record import record
from ktrace.views import words
from ktrace.views.formats.document import Chapter


@record
class StuckTime:
    """One thread's. Times are seconds of the run's clock."""

    finding: StuckTask | BlockedTask
    start_t: float
    seconds: float  # at least, where ktrace did not see its beginning or end
    ended: bool

    @property
    def name(self) -> str:
        return words.task_name(self.finding.comm, self.finding.pid, self.finding.tid)

    @property
    def function(self) -> str:
        return self.finding.wait.function if self.finding.wait else self.finding.state


def stuck_times(chapter: Chapter) -> list[StuckTime]:
    """The earliest first, as the report has them."""
    found = _stuck_times(chapter)
    return sorted(found, key=lambda one: (one.start_t, one.finding.tid))


def _stuck_times(chapter: Chapter) -> Iterator[StuckTime]:
    analysis = chapter.analysis
    stuck = analysis.of(StuckTasks)
    for versions in chapter.all_told().values():
        newest = versions[-1]
        if isinstance(newest, StuckTask):
            finding = stuck.at_longest(newest, analysis.t)
            if finding.outcome:
                yield _until(finding, finding.t, finding.stuck_s, True)
            else:
                yield _until(finding, analysis.t, stuck.age(finding, analysis.t), False)
        elif isinstance(newest, BlockedTask):
            yield _until(newest, newest.t, newest.blocked_s, newest.status == "resolved")


def _until(finding: StuckTask | BlockedTask, t: float, seconds: float, ended: bool) -> StuckTime:
    return StuckTime(finding, t - seconds, seconds, ended)
