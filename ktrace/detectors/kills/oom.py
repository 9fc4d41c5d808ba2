"""The OOM killer's part of the ledger, by the rules of mm/oom_kill.c.

Within one call of out_of_memory(), oom_kill_process() announces the victim; __oom_kill_process()
sends it SIGKILL, marks it, and sends SIGKILL to every other process with the same mm, without
marking those; then it does the same for each member of the victim's memory.oom.group. A process
that is dying already (task_will_free_mem()) is only marked, also the invoker itself.
"""

from dataclasses import dataclass

from ktrace.detectors.kills.book import Book
from ktrace.detectors.kills.kill import CHOSEN, EXITING, GROUP, SHARES_MM, Kill, Step
from ktrace.events import (
    FatalSignal,
    OomDomain,
    OomKill,
    OomMemory,
    OomReap,
    OomVictim,
    OutOfMemory,
    Task,
)
from ktrace.kernel.signals import SI_KERNEL

OOM_KILL_PROBES = ("oom_kill_process", "mark_victim")  # without any, OOM kills go unseen
_CALLS_KEPT = 50
_LOOK_S = 10.0  # a look at a domain so long after a kill shows what led to it
_CALL_S = 1.0  # between two steps of one call; reports may be printed meanwhile
_REAPER = {
    "wake": "reaper woken",
    "start": "reaper started",
    "finish": "reaper finished",
    "skip": "reaper skipped",
}


@dataclass(slots=True)
class _Call:
    """A call of out_of_memory(), as far as its events have come."""

    last_t: float
    invocation: OutOfMemory | None = None
    chosen: Kill | None = None
    marked: Kill | None = None  # the newest that was sent SIGKILL and marked in it


class OomKiller:
    """Which kill each of its events belongs to."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._calls: dict[int, _Call] = {}  # newest, by the invoker's tid

    def invoke(self, event: OutOfMemory) -> None:
        self._begin(event.by, _Call(event.t, event))

    def choose(self, event: OomKill) -> None:
        invocation = self._invocation(event)
        kill = self._book.open.get(event.victim.pid)
        if kill is None:
            kill = Kill(event.victim, "oom", event.by, event.t, True, sent=False, why=CHOSEN)
            self._book.add(kill)
        elif not kill.why:
            kill.why = EXITING
        if kill.choice is None:
            kill.choice, kill.invocation = event, invocation
            kill.expected = event.threads + kill.deaths  # those that died before are not among them
            self._book.is_oom(kill)
        self._begin(event.by, _Call(event.t, invocation, kill))
        invoked_t = invocation.t if invocation else event.invoked_t
        if invoked_t is not None:
            kill.add(Step("invoked", invoked_t))
        size = event.anon_rss_kib + event.file_rss_kib + event.shmem_rss_kib
        kill.add(Step("chosen", event.t, None, size))
        self._book.remember(event.victim.tid, kill)

    def send(self, kill: Kill, event: FatalSignal, is_first: bool) -> None:
        """SIGKILL; is_first: before, nobody knew that somebody kills it."""
        call = self._call(event.by, event.t) if event.si_code == SI_KERNEL else None
        if is_first:
            if call and call.marked:
                _share_mm(kill, call.marked)
        elif not kill.sent or _was_marked_first(kill, event):
            self._send_chosen(kill, event)
        elif call and call.chosen is kill and call.marked is not kill:
            kill.add(Step("SIGKILL", event.t))

    def mark(self, event: OomVictim) -> None:
        kill = self._victim(event)
        call = self._call(event.by, event.t)
        known = kill.oom
        if kill.by_kernel and kill.sender and kill.sender.tid == event.by.tid:
            _kill_in(call or self._begin(event.by, _Call(event.t)), kill)
        elif not kill.sent:  # it was dying, and nobody saw since when
            kill.sent, kill.t_known, kill.why = True, False, EXITING
            kill.by, kill.sender = "exit", None
        elif not kill.why and kill.by != "oom":
            kill.why = EXITING
        kill.marked = True
        kill.add(Step("marked", event.t))
        self._book.remember(event.tid, kill)
        if kill.oom and not known:
            self._book.is_oom(kill)

    def reap(self, event: OomReap) -> None:
        kill = self._book.by_tid(event.tid) or self._book.open.get(event.tid)
        if kill:
            kill.reaper = event.step
            name = _REAPER.get(event.step, event.step)
            kill.add(Step(name, event.t, None, event.rss_kib))

    def remember_memory(self, event: OomMemory) -> None:
        """It is of the kills before it that have none yet."""
        for kill in reversed(self._book.oom):
            if kill.memory is not None:
                break
            kill.memory = event

    def remember_domain(self, event: OomDomain) -> None:
        """The first look after a kill that the same domain's shortage led to."""
        for kill in reversed(self._book.oom):
            if event.t - kill.begun_t > _LOOK_S:
                break
            if kill.domain is None and _is_of(kill, event):
                kill.domain = event

    def exit(self, tid: int) -> None:
        """The thread is in no call any more. A dying init kills its namespace, by the kernel and
        not by the OOM killer: zap_pid_ns_processes() of kernel/pid_namespace.c."""
        self._calls.pop(tid, None)

    def _begin(self, by: Task, call: _Call) -> _Call:
        self._calls.pop(by.tid, None)
        self._calls[by.tid] = call
        if len(self._calls) > _CALLS_KEPT:
            del self._calls[next(iter(self._calls))]
        return call

    def _call(self, by: Task, t: float) -> _Call | None:
        """The call that it is in."""
        call = self._calls.get(by.tid)
        if call is None or t - call.last_t > _CALL_S:
            return None
        call.last_t = max(call.last_t, t)
        return call

    def _invocation(self, event: OomKill) -> OutOfMemory | None:
        """The call that led to the choice. Not each is sent: it may be missing."""
        call = self._call(event.by, event.t)
        known = call.invocation if call and not call.chosen else None
        if event.invoked_t is not None:
            return known if known and known.t >= event.invoked_t else None
        if known and (known.order, known.gfp_mask) == (event.order, event.gfp_mask):
            return known
        return None

    def _send_chosen(self, kill: Kill, event: FatalSignal) -> None:
        """The first SIGKILL after the choice; somebody else may have been faster."""
        kill.sent, kill.t_known, kill.signal = True, True, event.signal
        kill.t, kill.last_t = event.t, max(kill.last_t, event.t)
        kill.add(Step("SIGKILL", event.t))
        kill.by_kernel = _is_of_choice(kill, event)
        kill.by, kill.sender, kill.why = "signal", event.by, ""
        if kill.by_kernel:
            kill.by, kill.why = "oom", CHOSEN
            call = self._calls.get(event.by.tid)
            if call:
                call.last_t = event.t  # however long the report took to be printed

    def _victim(self, event: OomVictim) -> Kill:
        """Whom the mark is for; a new kill where nothing is known of it."""
        known = self._book.by_tid(event.tid)
        by_itself = event.tid == event.by.tid
        pid = event.by.pid if by_itself else event.pid or event.tid
        kill = known if known and not known.over else self._book.open.get(pid)
        if kill:
            return kill
        if by_itself:
            kill = Kill(event.by, "exit", None, event.t, t_known=False, why=EXITING)
        else:
            kill = Kill(Task(pid, event.tid, "?"), "oom", event.by, event.t, t_known=False)
        return self._book.add(kill)


def _share_mm(kill: Kill, victim: Kill) -> None:
    kill.by, kill.why, kill.of = "oom", SHARES_MM, victim
    victim.sharers += 1
    victim.add(Step("SIGKILL", kill.t, kill.victim))


def _kill_in(call: _Call, kill: Kill) -> None:
    """The kernel sent it SIGKILL and marked it, for the same invoker."""
    if kill.of:  # before the mark it looked as if it shared the mm
        kill.of.sharers -= 1
        kill.of.steps = [step for step in kill.of.steps if step.task != kill.victim]
        kill.of, kill.why = None, ""
    kill.by = "oom"
    if not kill.choice and call.chosen:
        kill.why, kill.of = GROUP, call.chosen
    elif not kill.choice and call.invocation and not call.marked:
        kill.invocation = call.invocation
        kill.add(Step("invoked", call.invocation.t))
    call.marked = kill


def _is_of_choice(kill: Kill, event: FatalSignal) -> bool:
    """Is it the SIGKILL of __oom_kill_process() for the chosen victim?"""
    choice = kill.choice
    return choice is not None and (event.si_code, event.by.tid) == (SI_KERNEL, choice.by.tid)


def _was_marked_first(kill: Kill, event: FatalSignal) -> bool:
    """The two events of one moment came the other way round."""
    return kill.why == EXITING and not kill.t_known and _is_of_choice(kill, event)


def _is_of(kill: Kill, look: OomDomain) -> bool:
    """Is the look at the memory cgroup, or the machine, whose shortage led to the kill?"""
    if kill.choice and kill.choice.domain_id is not None and look.cgroup_id is not None:
        return kill.choice.domain_id == look.cgroup_id
    return kill.invocation is not None and kill.invocation.memcg == look.memcg
