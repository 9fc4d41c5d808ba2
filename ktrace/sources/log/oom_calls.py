"""Calls of the OOM killer, counted from its reports in a kernel log.

A call that finds nobody to kill prints a whole report each time, without a rate limit
(out_of_memory() of mm/oom_kill.c), so a livelock fills the log; what the log lacks, as the callers'
pids, is left out.
"""

from ktrace.events import OomActivity, OomReport


class OomCalls:
    """Counts go on over all boots of a log, as the live counters' do over a run."""

    def __init__(self) -> None:
        self._counts: dict[str | None, tuple[float, int, int, int]] = {}

    def count(self, report: OomReport) -> OomActivity:
        """What has been counted for the report's domain, with this report."""
        first_t, calls, killed, nobody = self._counts.get(report.memcg, (report.t, 0, 0, 0))
        calls += 1
        killed += report.victim is not None
        nobody += report.nobody
        self._counts[report.memcg] = (first_t, calls, killed, nobody)
        return OomActivity(
            t=report.t,
            call="out_of_memory",
            memcg=report.memcg,
            first_t=first_t,
            last_t=report.t,
            calls=calls,
            killed=killed,
            nobody=nobody,
            waits=0,
            other=0,
            constraint=report.constraint or ("CONSTRAINT_MEMCG" if report.memcg else ""),
            order=report.order or 0,
            gfp=report.gfp or "",
            callers=(),
            stack=(),
        )
