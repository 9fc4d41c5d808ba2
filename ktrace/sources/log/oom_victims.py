"""Victims of the OOM killer whose report was read, until the OOM reaper has its say."""

from dataclasses import replace

from ktrace.events import OomReaped, OomReport

_KEPT = 4096  # victims; the reaper comes within seconds
_COUNTERS = ("anon_rss_kib", "file_rss_kib", "shmem_rss_kib")


class OomVictims:
    """Of all boots of a log."""

    def __init__(self) -> None:
        self._reports: dict[tuple[str, int], OomReport] = {}

    def add(self, report: OomReport) -> None:
        if report.victim is None:
            return
        key = (report.boot, report.victim.pid)
        self._reports.pop(key, None)
        self._reports[key] = report
        if len(self._reports) > _KEPT:
            del self._reports[next(iter(self._reports))]

    def of(self, reaped: OomReaped) -> OomReaped:
        """With what its kill tells: memory is what both lines have counters for."""
        report = self._reports.pop((reaped.boot, reaped.victim.pid), None)
        if report is None:
            return reaped
        pairs = [(getattr(report, name), getattr(reaped, name)) for name in _COUNTERS]
        known = [then - now for then, now in pairs if then is not None and now is not None]
        after = round(reaped.t - report.t, 6) if report.t and reaped.t else None
        return replace(reaped, freed_kib=sum(known) if known else None, after_s=after)
