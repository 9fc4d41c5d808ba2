"""Threads that were killed and do not die."""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Self

from ktrace.detectors.detector import Count, Detector, Run
from ktrace.detectors.kills import (
    OOM_KILL_PROBES,
    Kill,
    KilledThread,
    KillOver,
    Kills,
    ThreadEnded,
)
from ktrace.detectors.stuck_finding import (
    Followed,
    Shown,
    describe,
    finding_of,
    is_too_early,
    outcome_of,
    same,
    shown,
)
from ktrace.detectors.wait_chains import WaitChains
from ktrace.events import Event, TaskDead, TaskState, Walk
from ktrace.findings import StuckTask
from ktrace.plural import count
from ktrace.task_filter import NO_FILTER, TaskFilter

_ENDED_KEPT = 200


class StuckTasks(Detector):
    """Feed it all events in order, after the ledger has had them. Judges at each Walk, when every
    thread has been looked at.

    A thread is stuck that is still alive stuck_after seconds after it was killed, whatever its
    state; a zombie is dead. While it lives, a finding tells where it is; when it has died, where it
    was for the longest time.
    """

    findings = (StuckTask,)
    takes = WaitChains.takes | {TaskState, TaskDead, Walk}

    def __init__(
        self, stuck_after: float, kills: Kills, task_filter: TaskFilter = NO_FILTER
    ) -> None:
        self._stuck_after = stuck_after
        self._kills = kills
        self._filter = task_filter
        self._followed: dict[int, Followed] = {}  # by tid
        self._chains = WaitChains()
        self._seen: dict[int, TaskState] = {}  # newest looks since the last walk
        self.open: dict[str, StuckTask] = {}
        self.ended: deque[StuckTask] = deque(maxlen=_ENDED_KEPT)  # newest that were stuck
        self.zombies: dict[int, TaskState] = {}
        self.total = 0
        self.slow_total = 0  # threads that died slowly
        self.longest_s = 0.0
        self._early: set[int] = set()  # tids of which it is not known whether they get on
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
                (
                    len(self._early),
                    f"the run ended before it was known whether {count(len(self._early), 'thread')}"
                    " is stuck or dies slowly",
                ),
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
        return describe(followed, look, finding) if look else finding

    def _judge(self, walk: Walk) -> Iterator[StuckTask]:
        seen = sorted(self._seen.items())  # the order in which looks come changes, and says nothing
        fresh = {tid: look for tid, look in seen if look.t >= walk.started_t}
        self._seen.clear()
        chains = self._chains.at(fresh, self._kills.open)
        looked_at = [
            (kill, thread)
            for kill in self._kills.open
            for tid, thread in kill.threads.items()
            if fresh.get(tid) is thread.sample
        ]
        for kill, _ in looked_at:
            kill.judged = kill.judged or walk.t - kill.t >= self._stuck_after
        judged = [
            self._follow(kill, thread)
            for kill, thread in looked_at
            if self._asked_for(thread.sample)
        ]
        for followed in sorted(judged, key=lambda one: one.thread.sample.task.tid):
            sample = followed.thread.sample
            dying = followed.exit.look(sample, chains.stack(sample))
            look = shown(sample, chains, dying)
            followed.note(look)
            yield from self._judge_thread(followed, look, walk.t)
        if walk.complete:
            old = [tid for tid, seen in self.zombies.items() if seen.t < walk.started_t]
            for tid in old:
                del self.zombies[tid]

    def _asked_for(self, look: TaskState) -> bool:
        return self._filter.fits(look.task.pid, look.task.comm, look.cgroup)

    def _follow(self, kill: Kill, thread: KilledThread) -> Followed:
        tid = thread.sample.task.tid
        followed = self._followed.get(tid)
        if followed is None or followed.thread is not thread:
            followed = self._followed[tid] = Followed(kill, thread)
        return followed

    def _judge_thread(self, followed: Followed, look: Shown, t: float) -> Iterator[StuckTask]:
        stuck_s = round(t - followed.since, 6)
        if stuck_s < self._stuck_after:
            return
        if is_too_early(followed, look):
            self._early.add(look.sample.task.tid)
            return
        self._early.discard(look.sample.task.tid)
        finding = finding_of(followed, look, t, stuck_s)
        self._count(followed, finding)
        if followed.told is not None and same(followed.told, finding):
            return
        followed.told = finding
        self.open[finding.id] = finding
        yield finding

    def _count(self, followed: Followed, finding: StuckTask) -> None:
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
        asked_for = self._filter.fits(kill.pid, kill.comm, None)
        if asked_for and kill.exact and not kill.judged and kill.after_s >= self._stuck_after:
            self._not_judged += 1
            self._longest_not_judged_s = max(self._longest_not_judged_s, kill.after_s)

    def _resolve(self, ended: ThreadEnded) -> Iterator[StuckTask]:
        self._early.discard(ended.thread.sample.task.tid)
        followed = self._followed.pop(ended.thread.sample.task.tid, None)
        if followed is None or followed.told is None:
            return
        told = followed.told
        followed.kill.stuck -= followed.counted
        self.open.pop(told.id, None)
        outcome = outcome_of(ended, followed)
        if followed.counted:
            self.longest_s = max(self.longest_s, outcome.after_s)
        look = followed.looks.get(ended.thread.longest(ended.thread.sample.t))
        known = describe(followed, look, told) if look else told
        last = replace(
            known, status="resolved", t=ended.t, stuck_s=outcome.after_s, outcome=outcome
        )
        self.ended.append(last)
        yield last
