"""Reports of the OOM killer that are alike: the first few are told, the others counted. What the
OOM reaper said of the victims, and who was killed again and again."""

from collections import Counter
from dataclasses import dataclass, field

from ktrace.events import OomReaped, OomReport, OomUnreaped, Task
from ktrace.plural import count
from ktrace.views import words
from ktrace.views.alarm_text import where
from ktrace.views.safe_text import safe

_SHOWN = 3
_GROUPS_MAX = 1000
_NAMED = 10  # that were killed again and again
_AWAITED = 4096  # victims that the reaper may come to

_Key = tuple[str | None, str | None]  # memory cgroup, victim's name
_OTHERS: _Key = (None, "others")


@dataclass(slots=True)
class _Reaper:
    """What it said of some victims; of the others it said nothing."""

    reaped: int = 0
    freed_kib: int = 0
    unreaped: int = 0

    def note(self, event: OomReaped | OomUnreaped) -> None:
        if isinstance(event, OomUnreaped):
            self.unreaped += 1
            return
        self.reaped += 1
        self.freed_kib += event.freed_kib or 0

    def add(self, other: "_Reaper") -> None:
        self.reaped += other.reaped
        self.freed_kib += other.freed_kib
        self.unreaped += other.unreaped

    @property
    def text(self) -> str:
        """ ", 4 reaped (12 MiB freed), 1 not reaped"."""
        freed = f" ({words.mebibytes(self.freed_kib)} freed)" if self.freed_kib > 0 else ""
        reaped = f", {self.reaped} reaped{freed}" if self.reaped else ""
        return reaped + (f", {self.unreaped} not reaped" if self.unreaped else "")


@dataclass(slots=True)
class _Group:
    first: OomReport
    last: OomReport
    reports: int = 0
    reaper: _Reaper = field(default_factory=_Reaper)


class AlikeOoms:
    """Alike are those of one memory cgroup that killed a task of one name, or nobody."""

    def __init__(self) -> None:
        self._groups: dict[_Key, _Group] = {}
        self._awaited: dict[tuple[str, int], tuple[_Group, bool]] = {}  # was its kill shown?

    def show(self, event: OomReport) -> bool:
        """Is it one of the first of its kind?"""
        if event.group and event.victim and (event.boot, event.victim.pid) in self._awaited:
            return False  # it was told: the kernel names it once more with its group
        key: _Key = (event.memcg, event.victim.comm if event.victim else None)
        if key not in self._groups and len(self._groups) >= _GROUPS_MAX:
            key = _OTHERS
        group = self._groups.setdefault(key, _Group(event, event))
        group.last = event
        group.reports += 1
        shown = group.reports <= _SHOWN
        if event.victim:
            self._await(event.boot, event.victim, group, shown)
        return shown

    def reaped(self, event: OomReaped | OomUnreaped) -> bool:
        """Is the reaper's word one to show: of a victim whose kill was, or is not in the log?"""
        group, shown = self._awaited.get((event.boot, event.victim.pid), (None, True))
        if group is not None:
            group.reaper.note(event)
        return shown

    def rest(self) -> list[str]:
        """A line for each group with more reports than were shown; then who was killed again and
        again."""
        groups = self._groups.items()
        more = [_line(key, group) for key, group in groups if group.reports > _SHOWN]
        return more + self._again()

    def _await(self, boot: str, victim: Task, group: _Group, shown: bool) -> None:
        self._awaited.pop((boot, victim.pid), None)
        self._awaited[boot, victim.pid] = (group, shown)
        if len(self._awaited) > _AWAITED:
            del self._awaited[next(iter(self._awaited))]

    def _again(self) -> list[str]:
        """By name, over all memory cgroups: a service that is started again has a new one."""
        kills: Counter[str] = Counter()
        cgroups: dict[str, set[str]] = {}
        reapers: dict[str, _Reaper] = {}
        for (memcg, comm), group in self._groups.items():
            if comm is None or (memcg, comm) == _OTHERS:
                continue
            kills[comm] += group.reports
            reapers.setdefault(comm, _Reaper()).add(group.reaper)
            cgroups.setdefault(comm, set()).update({memcg} if memcg else ())
        told = []
        for comm, number in kills.most_common(_NAMED):
            if number > 1:
                of = count(len(cgroups[comm]), "memory cgroup")
                inside = f" in {of}" if len(cgroups[comm]) > 1 else ""
                told.append(f"{safe(comm)} {number} times{inside}{reapers[comm].text}")
        return [f"killed again and again: {'; '.join(told)}"] if told else []


def reaped_line(event: OomReaped) -> str:
    """ "oom_reaper: reaped app[377] 2.003 s later, 41 MiB freed, 0 KiB left"."""
    parts = [f"oom_reaper: reaped {words.name_of(event.victim)}"]
    if event.after_s is not None:
        parts[0] += f" {event.after_s:.3f} s later"
    if event.freed_kib is not None:
        freed = event.freed_kib > 0
        parts.append(f"{words.mebibytes(event.freed_kib)} freed" if freed else "nothing freed")
    left = [event.anon_rss_kib, event.file_rss_kib, event.shmem_rss_kib]
    parts.append(f"{words.mebibytes(sum(kib or 0 for kib in left))} left")
    return ", ".join(parts) + where(event.lines)


def _line(key: _Key, group: _Group) -> str:
    memcg, victim = key
    more = group.reports - _SHOWN
    what = count(more, "more OOM kill" if victim else "more OOM report")
    what += f" of {safe(victim)}" if victim else " without a kill"
    inside = f" in memory cgroup {safe(memcg)}" if memcg else ""
    newest = group.last
    who = f", the last {words.name_of(newest.victim)}" if newest.victim else ""
    return f"{what}{inside}{who}, at {newest.t:.6f}"
