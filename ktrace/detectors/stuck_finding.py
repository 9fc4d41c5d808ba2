"""What is told of a killed thread that does not die: from a look, and from what was told before."""

from dataclasses import dataclass, field, replace

from ktrace.detectors.exit_progress import ExitLooks
from ktrace.detectors.kills import Kill, KilledThread, Place, ThreadEnded
from ktrace.detectors.wait_chains import Blockers, Look
from ktrace.detectors.waits import wait_of
from ktrace.events import TaskState
from ktrace.findings import ExitProgress, Killed, Outcome, Release, StuckTask, WaitsFor
from ktrace.kernel.cgroup_names import place_of
from ktrace.record import record

_TOLD_EVERY_S = 1.0  # how a slow death gets on; at the end of a run looks come much faster


@record
class Shown:
    """What one walk showed of a thread. A finding is made of one look, never of two."""

    sample: TaskState
    blockers: Blockers
    waits_for: WaitsFor | None
    release: Release | None
    dying: ExitProgress | None


@dataclass(slots=True)
class Followed:
    """A killed thread: a look at each place where it was, and what was told of it."""

    kill: Kill
    thread: KilledThread
    looks: dict[Place, Shown] = field(default_factory=dict)
    told: StuckTask | None = None
    exit: ExitLooks = field(default_factory=ExitLooks)
    counted: bool = False  # as stuck, and not as slow

    @property
    def since(self) -> float:
        """SIGKILL, or else the first look that found it killed."""
        return self.kill.t if self.kill.t_known else self.thread.first_t

    def note(self, look: Shown) -> None:
        """Of each place the first look, but rather one that shows who blocks it there."""
        place = self.thread.place
        known = self.looks.get(place)
        if known is None or (look.blockers.kept and not known.blockers.kept):
            self.looks[place] = look
        for old in [old for old in self.looks if old not in self.thread.spent]:
            del self.looks[old]

    def longest(self, t: float) -> Shown | None:
        """A look at the place where it has been for the longest time."""
        return self.looks.get(self.thread.longest(t))


def is_too_early(followed: Followed, look: Shown) -> bool:
    """One look tells nothing of how a dying thread gets on, nor do more if it had no CPU."""
    dying = look.dying
    if dying is None or followed.told is not None:
        return False
    if dying.measured:
        return followed.exit.starved and not dying.slow
    return dying.rss_kib is not None or dying.left_count is not None


def outcome_of(ended: ThreadEnded, followed: Followed) -> Outcome:
    kill, freed_s = followed.kill, None
    if kill.released_t is not None and kill.t_known:
        freed_s = round(max(0.0, kill.released_t - kill.t), 6)
    return Outcome(ended.exit_signal, round(ended.t - followed.since, 6), freed_s)


def shown(sample: TaskState, chains: Look, dying: ExitProgress | None) -> Shown:
    waits_for, release = chains.waits_for(sample)
    runs = chains.runs(sample)
    if runs:  # its saved stack is an old one
        sample = replace(sample, stack=runs.stack, top=())
    return Shown(sample, chains.blockers(sample), waits_for, release, dying)


def finding_of(followed: Followed, look: Shown, t: float, stuck_s: float) -> StuckTask:
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
        possible_stack=sample.possible,
        **place_of(sample.cgroup, sample.names),
    )


def describe(followed: Followed, look: Shown, told: StuckTask) -> StuckTask:
    """What was told, as it was at that look."""
    return replace(finding_of(followed, look, told.t, told.stuck_s), status=told.status)


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


def same(known: StuckTask, new: StuckTask) -> bool:
    """Nothing but time has passed, or a slow death has got on, which is not told at each look."""
    as_new = replace(known, status=new.status, t=new.t, stuck_s=new.stuck_s, stack=new.stack)
    if known.slow and new.slow and new.t - known.t < _TOLD_EVERY_S:
        as_new = replace(as_new, dying=new.dying)
    return as_new == new
