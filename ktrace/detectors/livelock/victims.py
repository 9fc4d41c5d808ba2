"""OOM kills and victims, as the livelocks need them: the only place that knows the ledger."""

from collections.abc import Iterator
from typing import ClassVar

from ktrace.detectors.kills import Kill, Kills
from ktrace.detectors.livelock.domain import Domain
from ktrace.detectors.stuck import StuckTasks
from ktrace.events import Event, OomReport, TaskDead, TaskState, Walk
from ktrace.findings import StuckTask, Undead

_WALKED_KEPT = 4096  # threads; one of a victim is enough to find it
_UNSEEN_S = 5.0  # a victim that is in no walk after so long has died unseen


class Victims:
    """Feed it all events in order, after kills and stuck have had them."""

    takes: ClassVar[frozenset[type[Event]]] = frozenset({TaskState, TaskDead, Walk})

    def __init__(self, kills: Kills, stuck: StuckTasks) -> None:
        self._kills = kills
        self._stuck = stuck
        self._seen = 0
        self._walked: dict[int, TaskState] = {}  # threads that are OOM victims, by tid

    def feed(self, event: Event) -> None:
        match event:
            case TaskState() if event.oom_victim and event.killed and event.state != "zombie":
                if event.task.tid in self._walked or len(self._walked) < _WALKED_KEPT:
                    self._walked[event.task.tid] = event
            case TaskDead():
                self._walked.pop(event.task.tid, None)
            case Walk() if event.complete:
                alive = {k: s for k, s in self._walked.items() if s.t >= event.started_t}
                self._walked = alive

    def new_kills(self) -> list[Kill]:
        """Kills since the last call."""
        number = self._kills.oom_total - self._seen
        self._seen = self._kills.oom_total
        return list(self._kills.oom)[-number:] if number else []

    def died(self, event: TaskDead, domain: Domain) -> bool:
        """Is it the domain's victim that died just now, or a thread of it?"""
        kills = reversed(self._kills.oom)
        kill = next((kill for kill in kills if kill.victim.pid == event.task.pid), None)
        return kill is not None and is_in(kill, domain)

    def since(self, t: float) -> list[Kill]:
        """Kills of all domains, oldest first."""
        return [kill for kill in self._kills.oom if kill.t >= t]

    def of(self, domain: Domain, since: float) -> list[Kill]:
        """The domain's kills, oldest first."""
        return [kill for kill in self.since(since) if is_in(kill, domain)]

    def died_t(self, kill: Kill) -> float | None:
        """When it was over; None while a thread hangs, though the leader may be dead."""
        return kill.died_t

    def undead(self, domain: Domain, t: float) -> Undead | None:
        """The oldest victim of the domain that has not exited; also one of before the episode."""
        for kill in self._kills.oom:
            if is_in(kill, domain) and not kill.over:
                alive = any(self._threads(kill.victim.pid))
                if alive or t - kill.t <= _UNSEEN_S:
                    return self._chosen(kill, t)
        return self._found(domain, t)

    def _threads(self, pid: int) -> Iterator[StuckTask | TaskState]:
        """What is known of threads of that process that do not die."""
        yield from (finding for finding in self._stuck.open.values() if finding.pid == pid)
        yield from (state for state in self._walked.values() if state.task.pid == pid)

    def _stuck_thread(self, pid: int) -> StuckTask | None:
        return next((f for f in self._stuck.open.values() if f.pid == pid), None)

    def _chosen(self, kill: Kill, t: float) -> Undead:
        stuck = self._stuck_thread(kill.victim.pid)
        return Undead(
            kill.victim.pid,
            kill.victim.comm,
            round(t - kill.t, 6),
            kill.steps[-1].name if kill.steps else "chosen",
            stuck.id if stuck else None,
            stuck.state if stuck else None,
            stuck.wait.function if stuck and stuck.wait else None,
        )

    def _found(self, domain: Domain, t: float) -> Undead | None:
        """One whose kill was not seen, but which a walk over the tasks found (signal->oom_mm)."""
        elsewhere = {k.victim.pid for k in self._kills.oom if k.choice and not is_in(k, domain)}
        candidates = [s for s in self._walked.values() if s.task.pid not in elsewhere]
        if not candidates:
            return None
        members = {task.pid for look in domain.looks for task in look.tasks}
        own = [state for state in candidates if state.task.pid in members]
        state = min(own or candidates, key=lambda state: state.start_t)
        stuck = self._stuck_thread(state.task.pid)
        # the machine's OOM killer looks at every task (select_bad_process(), mm/oom_kill.c)
        certain = bool(own) or domain.memcg is None
        return Undead(
            pid=state.task.pid,
            comm=state.task.comm,
            for_s=None,
            step=None,
            stuck=stuck.id if stuck else None,
            state=stuck.state if stuck else state.state,
            function=stuck.wait.function if stuck and stuck.wait else None,
            found_by="domain" if certain else "walk",
        )


def is_in(kill: Kill, domain: Domain) -> bool:
    """Was the victim chosen for this domain? Where the choice is not known: by its caller."""
    if kill.choice is not None:
        return domain.owns(kill.choice)
    callers = domain.activity.callers if domain.activity else ()
    return domain.memcg is None or any(
        kill.sender and c.task.tid == kill.sender.tid for c in callers
    )


def is_machine_s(kill: Kill) -> bool:
    """Was the machine out of memory, not just a memory cgroup?"""
    return kill.choice is None or kill.choice.constraint != "CONSTRAINT_MEMCG"


def memory_of(kill: Kill) -> int | None:
    """Resident KiB of a victim when it was chosen; None where that is not known."""
    choice = kill.choice
    return choice.anon_rss_kib + choice.file_rss_kib + choice.shmem_rss_kib if choice else None


def memory_in_log(report: OomReport) -> int | None:
    """Resident KiB of the victim by a log; None where that does not say."""
    sizes = (report.anon_rss_kib, report.file_rss_kib, report.shmem_rss_kib)
    known = [size for size in sizes if size is not None]
    return sum(known) if known else None
