"""The ledger of kills: who was killed by whom, why, each step, and how it ended.

Everything else that tells of kills is derived from it: stuck tasks, OOM kill timelines, the times
to death that are compared. The rules are those of mm/oom_kill.c: within one call of
out_of_memory(), oom_kill_process() announces the victim; __oom_kill_process() sends it SIGKILL,
marks it, and sends SIGKILL to every other process with the same mm, without marking those; then it
does the same for each member of the victim's memory.oom.group. A process that is dying already
(task_will_free_mem()) is marked only, also the caller itself.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from ktrace.detectors.kill import (
    CHOSEN,
    EXIT_SIGNAL,
    EXITING,
    GROUP,
    SHARES_MM,
    SIGKILL,
    Kill,
    KilledThread,
    Step,
)
from ktrace.events import (
    Event,
    FatalSignal,
    OomKill,
    OomReap,
    OomVictim,
    OutOfMemory,
    Task,
    TaskDead,
    TaskExit,
    TaskState,
    Walk,
)

KEPT = 200  # newest kills of each kind; the counts go on
FOLLOWED = 8192  # kills that are not over
_SI_KERNEL = 128  # include/uapi/asm-generic/siginfo.h
_CALLS_KEPT = 50
_CALL_S = 1.0  # between two steps of one call of out_of_memory(); reports may be printed meanwhile
_UNSENT_S = 10.0  # from the choice to SIGKILL: the report is printed meanwhile
_REAPER = {
    "wake": "reaper woken",
    "start": "reaper started",
    "finish": "reaper finished",
    "skip": "reaper skipped",
}


@dataclass(frozen=True, slots=True)
class OomKilled:
    """The kill has turned out to be the OOM killer's."""

    kill: Kill


@dataclass(frozen=True, slots=True)
class ThreadEnded:
    """A killed thread that was looked at is dead, or gone."""

    kill: Kill
    thread: KilledThread
    t: float
    exit_signal: int | None  # None: nobody saw it die


@dataclass(frozen=True, slots=True)
class KillOver:
    """The last thread is dead, or gone."""

    kill: Kill


Change = OomKilled | ThreadEnded | KillOver


@dataclass(slots=True)
class _Call:
    """A call of out_of_memory(), as far as its events have come."""

    last_t: float
    invocation: OutOfMemory | None = None
    chosen: Kill | None = None
    marked: Kill | None = None  # the newest that was sent SIGKILL and marked in it


class Kills:
    """Feed it all events in order."""

    def __init__(self, kept: int | None = KEPT) -> None:
        """kept None: keeps every kill. That is for traces, not for live runs."""
        self.kills: deque[Kill] = deque(maxlen=kept)  # all, those that are over too
        self.oom: deque[Kill] = deque(maxlen=kept)  # the OOM killer's
        self.total = 0
        self.oom_total = 0
        self.not_followed = 0  # beyond FOLLOWED: a walk may yet find them, not knowing since when
        self.threads_left_out = 0  # of the kill that had the most
        self._followed = FOLLOWED if kept is not None else None
        self._kept = kept
        self._open: dict[int, Kill] = {}  # not over, by pid
        self._ended: dict[int, Kill] = {}  # newest that is over, by pid
        self._by_tid: dict[int, Kill] = {}  # victims that are no leaders, and the marked
        self._calls: dict[int, _Call] = {}  # by the invoker's tid
        self._changes: list[Change] = []

    @property
    def open(self) -> Iterable[Kill]:
        """Kills that are not over, the oldest first."""
        return self._open.values()

    def feed(self, event: Event) -> list[Change]:
        """What it changes."""
        self._changes = []
        match event:
            case OutOfMemory():
                self._begin_call(event.by.tid, _Call(event.t, event))
            case OomKill():
                self._choose(event)
            case FatalSignal():
                self._send(event)
            case OomVictim():
                self._mark(event)
            case OomReap():
                self._reap(event)
            case TaskState() if event.killed:
                self._look(event)
            case TaskExit():
                self._exit(event)
            case TaskDead():
                self._die(event)
            case Walk():
                self._walk(event)
        return self._changes

    def undecided(self, t: float, stuck_after: float) -> int:
        """Kills of which nobody can say at t whether they got stuck: not over, and too young, or
        nobody has looked at them since."""
        return sum(_is_undecided(kill, t, stuck_after) for kill in self._open.values())

    def finish(self, t: float) -> None:
        """The trace has ended at t: who was alive at the last look has lived until then. Call it
        once; nothing may be fed after it."""
        for kill in list(self._open.values()):
            kill.live_until(t)
            if not kill.threads and kill.deaths and kill.deaths >= (kill.expected or 0):
                self._end(kill)

    # The OOM killer ----------------------------------------------------------------------------

    def _begin_call(self, tid: int, call: _Call) -> _Call:
        self._calls.pop(tid, None)
        self._calls[tid] = call
        if len(self._calls) > _CALLS_KEPT:
            del self._calls[next(iter(self._calls))]
        return call

    def _call(self, tid: int, t: float) -> _Call | None:
        """The call that tid is in."""
        call = self._calls.get(tid)
        if call is None or t - call.last_t > _CALL_S:
            return None
        call.last_t = max(call.last_t, t)
        return call

    def _choose(self, event: OomKill) -> None:
        call = self._call(event.by.tid, event.t)
        asked = call.invocation if call and not call.chosen else None
        if asked and (asked.order, asked.gfp_mask) != (event.order, event.gfp_mask):
            asked = None  # of an earlier call: not each is sent
        kill = self._open.get(event.victim.pid)
        if kill is None:
            kill = Kill(event.victim, "oom", event.by, event.t, True, sent=False, why=CHOSEN)
            self._add(kill)
        elif not kill.why:
            kill.why = EXITING
        if kill.choice is None:
            kill.choice, kill.invocation = event, asked
            self._note_oom(kill)
        self._begin_call(event.by.tid, _Call(event.t, asked, kill))
        if asked:
            kill.add(Step("invoked", asked.t))
        size = event.anon_rss_kib + event.file_rss_kib + event.shmem_rss_kib
        kill.add(Step("chosen", event.t, None, size))
        self._remember(event.victim.tid, kill)

    def _mark(self, event: OomVictim) -> None:
        kill = self._marked(event)
        call = self._call(event.by.tid, event.t)
        known = kill.oom
        if kill.by_kernel and kill.sender and kill.sender.tid == event.by.tid:
            self._killed_by(kill, call or self._begin_call(event.by.tid, _Call(event.t)))
        elif not kill.sent:
            kill.sent, kill.t_known, kill.why = True, False, EXITING
            kill.by, kill.sender = "exit", None
        elif not kill.why and kill.by != "oom":
            kill.why = EXITING
        kill.marked = True
        kill.add(Step("marked", event.t))
        self._remember(event.tid, kill)
        if kill.oom and not known:
            self._note_oom(kill)

    def _killed_by(self, kill: Kill, call: _Call) -> None:
        """The kernel sent it SIGKILL and marked it, for the same invoker."""
        if kill.of:  # what was not known to be marked looked as if it shared the mm
            kill.of.sharers -= 1
            kill.of.steps = [step for step in kill.of.steps if step.task != kill.victim]
            kill.of, kill.why = None, ""
        kill.by = "oom"
        if not kill.choice and call.chosen:
            kill.why, kill.of = GROUP, call.chosen
        if not kill.choice and not kill.of and call.invocation and not call.marked:
            kill.invocation = call.invocation
            kill.add(Step("invoked", call.invocation.t))
        call.marked = kill

    def _marked(self, event: OomVictim) -> Kill:
        """The victim of the mark; a new kill where nothing is known of it."""
        known = self._by_tid.get(event.tid)
        by_itself = event.tid == event.by.tid
        pid = event.by.pid if by_itself else event.pid or event.tid
        kill = known if known and not known.over else self._open.get(pid)
        if kill is None and by_itself:
            kill = Kill(event.by, "exit", None, event.t, t_known=False, why=EXITING)
            self._add(kill)
        elif kill is None:
            victim = Task(pid, event.tid, "?")
            kill = Kill(victim, "oom", event.by, event.t, t_known=False)
            self._add(kill)
        return kill

    def _reap(self, event: OomReap) -> None:
        kill = self._by_tid.get(event.tid) or self._open.get(event.tid)
        if kill:
            kill.reaper = event.step
            name = _REAPER.get(event.step, event.step)
            kill.add(Step(name, event.t, None, event.rss_kib))

    def _note_oom(self, kill: Kill) -> None:
        self.oom.append(kill)
        self.oom_total += 1
        self._changes.append(OomKilled(kill))

    # Signals, looks, ends ----------------------------------------------------------------------

    def _send(self, event: FatalSignal) -> None:
        by_kernel = event.si_code == _SI_KERNEL
        call = self._call(event.by.tid, event.t) if by_kernel else None
        kill = self._open.get(event.target.pid)
        if kill is None and self._followed and len(self._open) >= self._followed:
            self.not_followed += 1
        elif kill is None:
            kill = _killed(event)
            self._add(kill)
            if call and call.marked:
                self._share_mm(kill, call.marked)
        elif not kill.sent or _was_marked_first(kill, event):
            self._send_chosen(kill, event)
        else:
            kill.again = event
            if event.target.tid != event.target.pid:
                self._remember(event.target.tid, kill)
            if call and call.chosen is kill and call.marked is not kill:
                kill.add(Step("SIGKILL", event.t))

    def _send_chosen(self, kill: Kill, event: FatalSignal) -> None:
        """The first SIGKILL after the choice; somebody else may have been faster."""
        kill.sent, kill.t_known, kill.signal = True, True, event.signal
        kill.t, kill.last_t = event.t, max(kill.last_t, event.t)
        kill.add(Step("SIGKILL", event.t))
        self._remember(event.target.tid, kill)
        kill.by_kernel = _is_of_choice(kill, event)
        kill.by, kill.sender, kill.why = "signal", event.by, ""
        if kill.by_kernel:
            kill.by, kill.why = "oom", CHOSEN
            call = self._calls.get(event.by.tid)
            if call:
                call.last_t = event.t  # however long the report took to be printed

    def _share_mm(self, kill: Kill, victim: Kill) -> None:
        kill.by, kill.why, kill.of = "oom", SHARES_MM, victim
        victim.sharers += 1
        victim.add(Step("SIGKILL", kill.t, kill.victim))

    def _look(self, sample: TaskState) -> None:
        kill = self._kill_of(sample)
        if sample.state == "zombie":
            if kill:
                code = sample.group_exit_code & EXIT_SIGNAL
                self._thread_ended(kill, sample.task.tid, sample.t, code, died=True)
                self._check(kill)
            return
        if kill is None:
            kill = _found(sample)
            self._add(kill)
        known = kill.threads.get(sample.task.tid)
        if known and known.sample.start_t != sample.start_t:
            self._thread_ended(kill, sample.task.tid, sample.t, None, died=False)
        kill.look(sample)

    def _kill_of(self, sample: TaskState) -> Kill | None:
        """The process's kill. A thread that was born after it is another process's."""
        pid, tid = sample.task.pid, sample.task.tid
        kill = self._open.get(pid)
        if kill is None and tid in self._open and self._open[tid].victim.comm == "?":
            kill = self._open[pid] = self._open.pop(tid)  # of its mark, only the tid was known
            kill.victim = sample.task
        if kill and sample.start_t > kill.t:
            for gone in list(kill.threads):
                self._thread_ended(kill, gone, sample.t, None, died=False)
            self._end(kill)
            kill = None
            again = self._ended[pid].again
            if again and again.t >= sample.start_t:
                kill = _killed(again)
                self._add(kill)
        ended = self._ended.get(pid)
        if kill is None and ended and sample.start_t <= ended.t and sample.state != "zombie":
            ended.over = False  # there are more threads than it was known to have
            kill = self._open[pid] = self._ended.pop(pid)
        return kill

    def _exit(self, event: TaskExit) -> None:
        self._calls.pop(event.task.tid, None)
        kill = self._open.get(event.task.pid)
        if kill and not event.mm_held:
            kill.exit(event.task.tid, event.t)
            self._release(kill)

    def _die(self, event: TaskDead) -> None:
        kill = self._open.get(event.task.pid)
        if kill is None:
            return
        signal = event.exit_code & EXIT_SIGNAL
        thread = kill.die(event.task, event.t, signal)
        if thread:
            self._changes.append(ThreadEnded(kill, thread, event.t, signal))
        self._check(kill)

    def _thread_ended(self, kill: Kill, tid: int, t: float, signal: int | None, died: bool) -> None:
        known = kill.threads.get(tid)
        until = t if died or known is None else known.sample.t
        thread = kill.end_thread(tid, until, signal, died)
        if thread:
            self._changes.append(ThreadEnded(kill, thread, t, signal))

    def _walk(self, walk: Walk) -> None:
        for kill in list(self._open.values()):
            refused = kill.count_refused()
            self.threads_left_out = max(self.threads_left_out, kill.threads_left_out)
            if not walk.complete:
                continue
            for tid in kill.missing(walk.started_t):
                self._thread_ended(kill, tid, walk.t, None, died=False)
            sent_t = kill.t if kill.sent else kill.t + _UNSENT_S
            kill.walked = kill.walked or sent_t <= walk.started_t
            if kill.walked and not kill.threads and not refused:
                self._end(kill)

    def _check(self, kill: Kill) -> None:
        if kill.all_dead:
            self._end(kill)
        else:
            self._release(kill)

    def _end(self, kill: Kill) -> None:
        kill.close()
        pid = next(pid for pid in (kill.victim.pid, kill.victim.tid) if pid in self._open)
        self._ended.pop(pid, None)
        self._ended[pid] = self._open.pop(pid)
        if len(self._ended) > KEPT and self._kept is not None:
            del self._ended[next(iter(self._ended))]
        self._release(kill)
        self._changes.append(KillOver(kill))

    def _release(self, kill: Kill) -> None:
        if kill.release() and kill.why == SHARES_MM and kill.of and kill.released_t is not None:
            kill.of.sharer_released(kill.released_t)
            self._release(kill.of)

    def _add(self, kill: Kill) -> None:
        pid = kill.victim.pid
        self._open[pid] = kill
        self._by_tid.pop(pid, None)  # a pid that is used again
        if kill.victim.tid != pid:
            self._remember(kill.victim.tid, kill)
        self.kills.append(kill)
        self.total += 1

    def _remember(self, tid: int, kill: Kill) -> None:
        self._by_tid.pop(tid, None)
        self._by_tid[tid] = kill
        if len(self._by_tid) > FOLLOWED:
            del self._by_tid[next(iter(self._by_tid))]


def _is_undecided(kill: Kill, t: float, stuck_after: float) -> bool:
    if kill.threads:
        looks = ((thread.sample.t, thread.first_t) for thread in kill.threads.values())
        return any(
            seen_t - (kill.t if kill.t_known else first_t) < stuck_after
            for seen_t, first_t in looks
        )
    if kill.deaths:
        return kill.deaths < (kill.expected or 0) or t - kill.t < stuck_after
    return True


def _killed(event: FatalSignal) -> Kill:
    kill = Kill(event.target, "signal", event.by, event.t, t_known=True, signal=event.signal)
    kill.by_kernel = event.si_code == _SI_KERNEL
    kill.add(Step("SIGKILL", event.t))
    return kill


def _is_of_choice(kill: Kill, event: FatalSignal) -> bool:
    """Is it the SIGKILL of __oom_kill_process() for the chosen victim?"""
    choice = kill.choice
    return choice is not None and (event.si_code, event.by.tid) == (_SI_KERNEL, choice.by.tid)


def _was_marked_first(kill: Kill, event: FatalSignal) -> bool:
    """The two events of one moment came the other way round."""
    return kill.why == EXITING and not kill.t_known and _is_of_choice(kill, event)


def _found(sample: TaskState) -> Kill:
    """Nobody saw who killed it."""
    signal = sample.group_exit_code & EXIT_SIGNAL
    by = "signal"
    if sample.oom_victim:
        by, signal = "oom", SIGKILL
    elif sample.killed == ("pending",) and not signal:
        by = "exit"  # another thread called exit_group(), or exec
    return Kill(sample.task, by, None, sample.t, t_known=False, signal=signal or SIGKILL)
