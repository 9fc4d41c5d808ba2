"""Victims of the OOM killer whose report was read, until the OOM reaper has its say."""

from dataclasses import replace

from ktrace.events import OomReaped, OomReport

_KEPT = 4096  # victims; the reaper comes within seconds
_COUNTERS = ("anon_rss_kib", "file_rss_kib", "shmem_rss_kib")


class OomVictims:
    """Of all boots of a log: when the report of their kill began, and the memory that they had."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[float, list[int | None]]] = {}

    def add(self, report: OomReport) -> None:
        if report.victim is None:
            return
        key = (report.boot, report.victim.pid)
        self._known.pop(key, None)
        self._known[key] = (report.t, _counters(report))
        if len(self._known) > _KEPT:
            del self._known[next(iter(self._known))]

    def of(self, reaped: OomReaped) -> OomReaped:
        """With what its kill tells: memory is what both lines have counters for."""
        t, before = self._known.pop((reaped.boot, reaped.victim.pid), (0.0, []))
        if not before:
            return reaped
        pairs = zip(before, _counters(reaped), strict=True)
        known = [then - now for then, now in pairs if then is not None and now is not None]
        after = round(reaped.t - t, 6) if t and reaped.t else None
        return replace(reaped, freed_kib=sum(known) if known else None, after_s=after)


def _counters(event: OomReport | OomReaped) -> list[int | None]:
    return [getattr(event, name) for name in _COUNTERS]
