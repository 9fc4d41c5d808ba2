"""Threads that were killed and do not die."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Self

from ktrace.detectors.detector import Count, Detector, Run
from ktrace.detectors.exit_progress import ExitLooks
from ktrace.detectors.kills import (
    OOM_KILL_PROBES,
    Kill,
    KilledThread,
    KillOver,
    Kills,
    Place,
    ThreadEnded,
)
from ktrace.detectors.wait_chains import Blockers, Look, WaitChains
from ktrace.detectors.waits import wait_of
from ktrace.events import Event, TaskDead, TaskState, Walk
from ktrace.findings import ExitProgress, Killed, Outcome, Release, StuckTask, WaitsFor
from ktrace.kernel.cgroup_names import place_of
from ktrace.plural import count
from ktrace.record import record
from ktrace.task_filter import NO_FILTER, TaskFilter

_ENDED_KEPT = 200


@record
class _Shown:
    """What one walk showed of a thread. A finding is made of one look, never of two."""

    sample: TaskState
    blockers: Blockers
    waits_for: WaitsFor | None
    release: Release | None
    dying: ExitProgress | None


@dataclass(slots=True)
class _Followed:
    """A killed thread: a look at each place where it was, and what was told of it."""

    kill: Kill
    thread: KilledThread
    looks: dict[Place, _Shown] = field(default_factory=dict)
    told: StuckTask | None = None
    exit: ExitLooks = field(default_factory=ExitLooks)
    counted: bool = False  # as stuck, and not as slow

    @property
    def since(self) -> float:
        """SIGKILL, or else the first look that found it killed."""
        return self.kill.t if self.kill.t_known else self.thread.first_t

    def note(self, look: _Shown) -> None:
        """Of each place the first look, but rather one that shows who blocks it there."""
        place = self.thread.place
        known = self.looks.get(place)
        if known is None or (look.blockers.kept and not known.blockers.kept):
            self.looks[place] = look
        for old in [old for old in self.looks if old not in self.thread.spent]:
            del self.looks[old]

    def longest(self, t: float) -> _Shown | None:
        """A look at the place where it has been for the longest time."""
        return self.looks.get(self.thread.longest(t))


class StuckTasks(Detector):
    """Feed it all events in order, after the ledger has had them. Judges at each Walk, when every
    thread has been looked at.

    A thread is stuck that is still alive stuck_after seconds after it was killed, whatever its
    state; a zombie is dead. While it lives, a finding tells where it is; when it has died, where it
    was for the longest time.
    """

    findings = (StuckTask,)

    def __init__(
        self, stuck_after: float, kills: Kills, task_filter: TaskFilter = NO_FILTER
    ) -> None:
        self._stuck_after = stuck_after
        self._kills = kills
        self._filter = task_filter
        self._followed: dict[int, _Followed] = {}  # by tid
        self._chains = WaitChains()
        self._seen: dict[int, TaskState] = {}  # newest looks since the last walk
        self.open: dict[str, StuckTask] = {}
        self.ended: deque[StuckTask] = deque(maxlen=_ENDED_KEPT)  # newest that were stuck
        self.zombies: dict[int, TaskState] = {}
        self.total = 0
        self.slow_total = 0  # threads that died slowly
        self.longest_s = 0.0
        self._not_judged = 0  # kills that took stuck_after seconds or more, between two looks
        self._longest_not_judged_s = 0.0

    @classmethod
    def of_run(cls, run: Run) -> Self:
        return cls(run.session.stuck_after, run.kills, run.filter)

    def feed(self, event: Event) -> Iterator[StuckTask]:
        """The findings that event leads to."""
        for change in self._kills.changes:
            if isinstance(change, ThreadEnded):
                yield from self._resolve(change)
            elif isinstance(change, KillOver):
                self._check_judged(change.kill)
        self._chains.feed(event)
        match event:
            case TaskState() if event.killed and event.state == "zombie":
                self.zombies[event.task.tid] = event
            case TaskState():
                self._seen[event.task.tid] = event
            case TaskDead():
                self._seen.pop(event.task.tid, None)
            case Walk():
                yield from self._judge(event)

    def doubts(self, t: float) -> list[str]:
        """Of which kills nobody knows whether they got stuck."""
        kills, after = self._kills, self._stuck_after
        early = kills.undecided(t, after)
        late_s = self._longest_not_judged_s
        return [
            text
            for number, text in (
                (
                    self._not_judged,
                    f"{count(self._not_judged, 'process')} died up to {late_s:.1f} s after SIGKILL,"
                    " and no look at the tasks saw where it was",
                ),
                (early, f"the run ended less than {after:g} s after {count(early, 'kill')}"),
                (kills.not_followed, f"{count(kills.not_followed, 'kill')} not followed"),
                (kills.threads_left_out, f"{count(kills.threads_left_out, 'thread')} left out"),
            )
            if number
        ]

    def counts(self) -> dict[str, Count]:
        kills = self._kills
        return {
            "kills": Count(kills.total, ("signal_generate", "task")),
            "oom_kills": Count(kills.oom_total, OOM_KILL_PROBES),
            "stuck_threads": Count(self.total, ("task",)),
        }

    def age(self, finding: StuckTask, t: float) -> float:
        """Seconds that an open finding's thread has been stuck at time t."""
        return max(finding.stuck_s, round(finding.stuck_s + t - finding.t, 6))

    def at_longest(self, finding: StuckTask, t: float) -> StuckTask:
        """The finding, telling of an open one where the thread has been for the longest time."""
        followed = self._followed.get(finding.tid)
        if finding.outcome or followed is None or followed.told is None:
            return finding
        look = followed.longest(t)
        return _describe(followed, look, finding) if look else finding

    def _judge(self, walk: Walk) -> Iterator[StuckTask]:
        seen = sorted(self._seen.items())  # the order in which looks come changes, and says nothing
        fresh = {tid: look for tid, look in seen if look.t >= walk.started_t}
        self._seen.clear()
        chains = self._chains.at(fresh, self._kills.open)
        judged = [
            self._follow(kill, thread)
            for kill in self._kills.open
            for tid, thread in kill.threads.items()
            if fresh.get(tid) is thread.sample and self._asked_for(thread.sample)
        ]
        for followed in sorted(judged, key=lambda one: one.thread.sample.task.tid):
            sample = followed.thread.sample
            dying = followed.exit.look(sample, chains.stack(sample))
            look = _shown(sample, chains, dying)
            followed.note(look)
            yield from self._judge_thread(followed, look, walk.t)
        if walk.complete:
            old = [tid for tid, seen in self.zombies.items() if seen.t < walk.started_t]
            for tid in old:
                del self.zombies[tid]

    def _asked_for(self, look: TaskState) -> bool:
        return self._filter.fits(look.task.pid, look.task.comm, look.cgroup)

    def _follow(self, kill: Kill, thread: KilledThread) -> _Followed:
        tid = thread.sample.task.tid
        followed = self._followed.get(tid)
        if followed is None or followed.thread is not thread:
            followed = self._followed[tid] = _Followed(kill, thread)
        return followed

    def _judge_thread(self, followed: _Followed, look: _Shown, t: float) -> Iterator[StuckTask]:
        stuck_s = round(t - followed.since, 6)
        if stuck_s < self._stuck_after:
            return
        followed.kill.judged = True
        if _is_too_early(followed, look):
            return
        finding = _finding(followed, look, t, stuck_s)
        self._count(followed, finding)
        if followed.told is not None and _same(followed.told, finding):
            return
        followed.told = finding
        self.open[finding.id] = finding
        yield finding

    def _count(self, followed: _Followed, finding: StuckTask) -> None:
        """Slow is not stuck; what was slow may get stuck."""
        if finding.slow:
            self.slow_total += followed.told is None
            return
        self.longest_s = max(self.longest_s, finding.stuck_s)
        if not followed.counted:
            followed.counted = True
            self.total += 1
            followed.kill.stuck += 1

    def _check_judged(self, kill: Kill) -> None:
        """Looks come late on a slow machine: who hung and died between two is no finding."""
        if kill.exact and not kill.judged and kill.after_s >= self._stuck_after:
            self._not_judged += 1
            self._longest_not_judged_s = max(self._longest_not_judged_s, kill.after_s)

    def _resolve(self, ended: ThreadEnded) -> Iterator[StuckTask]:
        followed = self._followed.pop(ended.thread.sample.task.tid, None)
        if followed is None or followed.told is None:
            return
        told = followed.told
        followed.kill.stuck -= followed.counted
        self.open.pop(told.id, None)
        outcome = _outcome(ended, followed)
        if followed.counted:
            self.longest_s = max(self.longest_s, outcome.after_s)
        look = followed.looks.get(ended.thread.longest(ended.thread.sample.t))
        known = _describe(followed, look, told) if look else told
        last = replace(
            known, status="resolved", t=ended.t, stuck_s=outcome.after_s, outcome=outcome
        )
        self.ended.append(last)
        yield last


def _is_too_early(followed: _Followed, look: _Shown) -> bool:
    """One look tells nothing of how a dying thread gets on."""
    dying = look.dying
    if dying is None or dying.measured or followed.told is not None:
        return False
    return dying.rss_kib is not None or dying.left_count is not None


def _outcome(ended: ThreadEnded, followed: _Followed) -> Outcome:
    kill, freed_s = followed.kill, None
    if kill.released_t is not None and kill.t_known:
        freed_s = round(max(0.0, kill.released_t - kill.t), 6)
    return Outcome(ended.exit_signal, round(ended.t - followed.since, 6), freed_s)


def _shown(sample: TaskState, chains: Look, dying: ExitProgress | None) -> _Shown:
    waits_for, release = chains.waits_for(sample)
    runs = chains.runs(sample)
    if runs:  # its saved stack is an old one
        sample = replace(sample, stack=runs.stack, top=())
    return _Shown(sample, chains.blockers(sample), waits_for, release, dying)


def _finding(followed: _Followed, look: _Shown, t: float, stuck_s: float) -> StuckTask:
    sample = look.sample
    return StuckTask(
        status="update" if followed.told else "open",
        id=f"stuck-{sample.task.tid}-{sample.start_t:.6f}",
        t=t,
        pid=sample.task.pid,
        tid=sample.task.tid,
        comm=sample.task.comm,
        state=sample.state,
        stuck_s=stuck_s,
        killed=_killed(followed.kill),
        wait=wait_of(sample),
        stack=sample.stack,
        blocked_by=look.blockers.kept,
        waits_for=look.waits_for,
        release=look.release,
        blockers_left_out=look.blockers.left_out,
        dying=look.dying,
        cgroup=sample.cgroup,
        **place_of(sample.cgroup),
    )


def _describe(followed: _Followed, look: _Shown, told: StuckTask) -> StuckTask:
    """What was told, as it was at that look."""
    return replace(_finding(followed, look, told.t, told.stuck_s), status=told.status)


def _killed(kill: Kill) -> Killed:
    sender = kill.sender
    return Killed(
        by=kill.by,
        signal=kill.signal,
        pid=sender.pid if sender else None,
        comm=sender.comm if sender else None,
        t=kill.t if kill.t_known else None,
        why=kill.why,
    )


def _same(known: StuckTask, new: StuckTask) -> bool:
    """Nothing but time has passed. How a slow death gets on is told once a second: at the end of a
    run, looks come much faster."""
    as_new = replace(known, status=new.status, t=new.t, stuck_s=new.stuck_s, stack=new.stack)
    if known.slow and new.slow and new.t - known.t < 1.0:
        as_new = replace(as_new, dying=new.dying)
    return as_new == new
