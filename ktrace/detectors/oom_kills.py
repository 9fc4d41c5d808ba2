"""Kills for want of memory: by the kernel's OOM killer, or a daemon that does its work."""

from collections.abc import Iterator
from typing import ClassVar, Self, TypeAlias

from ktrace.detectors.detector import Count, Detector, Run
from ktrace.detectors.kills import Kill, KillOver, Kills, OomKilled
from ktrace.detectors.kills.policy import DAEMONS, policy_of
from ktrace.detectors.oom_cause import cause_of
from ktrace.detectors.oom_facts import facts_of_kill
from ktrace.events import ContainerNames, Event, FatalSignal, OomMemory, TaskState
from ktrace.findings import Finding, OomKillFinding
from ktrace.kernel.cgroup_names import place_of
from ktrace.task_filter import NO_FILTER, TaskFilter

_LOOKS_KEPT = 4096


def id_of(kill: Kill) -> str:
    """Of its finding, when it begins."""
    return f"oom-kill-{kill.pid}-{kill.begun_t:.6f}"


_Where: TypeAlias = tuple[str | None, ContainerNames | None]  # the cgroup's path


class OomKills(Detector):
    """Tells each once when it is chosen, or killed by a daemon, and once when it is over."""

    findings: ClassVar[tuple[type[Finding], ...]] = (OomKillFinding,)
    takes = frozenset({OomMemory, TaskState, FatalSignal})

    def __init__(self, kills: Kills, task_filter: TaskFilter = NO_FILTER) -> None:
        self._kills = kills
        self._filter = task_filter
        self._open: dict[int, tuple[Kill, OomKillFinding]] = {}  # by id() of the ledger's kill
        self._looks: dict[int, _Where] = {}  # by pid, of killed ones
        self.daemon_kills = 0

    @classmethod
    def of_run(cls, run: Run) -> Self:
        return cls(run.kills, run.filter)

    def feed(self, event: Event) -> Iterator[OomKillFinding]:
        """The findings that event leads to."""
        match event:
            case OomMemory():  # the ledger has given it to its kills
                for known, told in list(self._open.values()):
                    if known.memory is event:
                        yield from self._tell(known, event.t, "update", told)
            case TaskState() if event.killed and event.cgroup is not None:
                self._learn(event.task.pid, (event.cgroup, event.names))
            case FatalSignal() if event.by.comm in DAEMONS:
                kill = next((k for k in self._kills.open if k.pid == event.target.pid), None)
                if kill and policy_of(kill) in DAEMONS and id(kill) not in self._open:
                    self.daemon_kills += 1
                    yield from self._begin(kill, event.t)
        for change in self._kills.changes:
            if isinstance(change, OomKilled):
                yield from self._begin(change.kill, event.t)
            elif isinstance(change, KillOver):
                yield from self._end(change.kill, event.t)

    def counts(self) -> dict[str, Count]:
        return {"daemon_oom_kills": Count(self.daemon_kills, ("signal_generate",))}

    def _learn(self, pid: int, where: _Where) -> None:
        self._looks[pid] = where
        if len(self._looks) > _LOOKS_KEPT:
            del self._looks[next(iter(self._looks))]

    def _begin(self, kill: Kill, t: float) -> Iterator[OomKillFinding]:
        if self._filter.fits(kill.pid, kill.comm, self._where(kill)[0]):
            yield from self._tell(kill, t, "open")

    def _end(self, kill: Kill, t: float) -> Iterator[OomKillFinding]:
        known = self._open.get(id(kill))
        if known is not None:
            yield from self._tell(kill, t, "resolved", known[1])
            del self._open[id(kill)]
        self._looks.pop(kill.pid, None)

    def _tell(
        self, kill: Kill, t: float, status: str, told: OomKillFinding | None = None
    ) -> Iterator[OomKillFinding]:
        found = self._describe(kill, t, status, told)
        self._open[id(kill)] = kill, found
        yield found

    def _where(self, kill: Kill) -> _Where:
        if kill.pid in self._looks:
            return self._looks[kill.pid]
        return (kill.choice.cgroup, kill.choice.names) if kill.choice else (None, None)

    def _describe(
        self, kill: Kill, t: float, status: str, told: OomKillFinding | None = None
    ) -> OomKillFinding:
        choice, memory, (cgroup, names) = kill.choice, kill.memory, self._where(kill)
        freed = kill.released_t - kill.t if kill.released_t is not None and kill.t_known else None
        facts = facts_of_kill(kill)
        return OomKillFinding(
            status=status,
            id=told.id if told else id_of(kill),
            t=t,
            pid=kill.pid,
            comm=kill.comm,
            policy=policy_of(kill),
            by=kill.sender,
            killed_t=kill.t if kill.t_known and kill.sent else None,
            domain=kill.invocation.memcg if kill.invocation else None,
            order=choice.order if choice else None,
            gfp=choice.gfp if choice else None,
            oom_score_adj=choice.oom_score_adj if choice else None,
            anon_rss_kib=choice.anon_rss_kib if choice else None,
            file_rss_kib=choice.file_rss_kib if choice else None,
            shmem_rss_kib=choice.shmem_rss_kib if choice else None,
            died_after_s=kill.after_s if kill.exact else None,
            memory_freed_after_s=None if freed is None else round(max(0.0, freed), 6),
            zones=memory.zones if memory else (),
            stalled=memory.stalled if memory else None,
            stalled_over_s=memory.over_s if memory and memory.stalled else None,
            cause=cause_of(facts) if facts else None,
            grown_kib=facts.anon_grown if facts else None,
            grown_over_s=facts.over_s if facts and facts.anon_grown is not None else None,
            cgroup=cgroup,
            **place_of(cgroup, names),
        )
