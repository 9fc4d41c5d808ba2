"""The records of the ledger: which kills there are, by pid, and what changes them."""

from collections import deque

from ktrace.detectors.kills.changes import Change, KillOver, OomKilled, ThreadEnded
from ktrace.detectors.kills.kill import SHARES_MM, Kill
from ktrace.events import Walk

KEPT = 200  # newest kills of each kind; the counts go on
FOLLOWED = 8192  # kills that are not over
_UNSENT_S = 10.0  # from the choice to SIGKILL: the report is printed meanwhile


class Book:
    """Each pid has at most one kill that is not over."""

    def __init__(self, kept: int | None) -> None:
        """kept None: keeps every kill."""
        self.kept = kept
        self.kills: deque[Kill] = deque(maxlen=kept)
        self.oom: deque[Kill] = deque(maxlen=kept)
        self.total = 0
        self.oom_total = 0
        self.threads_left_out = 0
        self.open: dict[int, Kill] = {}  # by pid
        self.ended: dict[int, Kill] = {}  # newest that is over, by pid
        self.changes: list[Change] = []  # of the present event
        self._by_tid: dict[int, Kill] = {}  # the marked, and victims that are no leaders

    @property
    def full(self) -> bool:
        return self.kept is not None and len(self.open) >= FOLLOWED

    def add(self, kill: Kill) -> Kill:
        """A new one."""
        pid = kill.victim.pid
        self.open[pid] = kill
        self._by_tid.pop(pid, None)  # a pid that is used again
        if kill.victim.tid != pid:
            self.remember(kill.victim.tid, kill)
        self.kills.append(kill)
        self.total += 1
        return kill

    def remember(self, tid: int, kill: Kill) -> None:
        """Marks and the OOM reaper know it by this thread."""
        self._by_tid.pop(tid, None)
        self._by_tid[tid] = kill
        while len(self._by_tid) > KEPT:
            oldest = next(iter(self._by_tid))
            if not self._by_tid[oldest].over and len(self._by_tid) <= FOLLOWED:
                break
            del self._by_tid[oldest]

    def by_tid(self, tid: int) -> Kill | None:
        """The kill that was remembered by the thread; it may be over."""
        return self._by_tid.get(tid)

    def is_oom(self, kill: Kill) -> None:
        """It has turned out to be the OOM killer's."""
        self.oom.append(kill)
        self.oom_total += 1
        self.changes.append(OomKilled(kill))

    def name(self, tid: int, pid: int) -> Kill:
        """What was known by its tid only turns out to be the process's."""
        kill = self.open[pid] = self.open.pop(tid)
        return kill

    def reopen(self, pid: int) -> Kill:
        """There are more threads than it was known to have."""
        kill = self.open[pid] = self.ended.pop(pid)
        kill.over = False
        return kill

    def thread_ended(self, kill: Kill, tid: int, t: float, signal: int | None, died: bool) -> None:
        """died: it is dead, else it is gone."""
        known = kill.threads.get(tid)
        until = t if died or known is None else known.sample.t
        thread = kill.end_thread(tid, until, signal, died)
        if thread:
            self.changes.append(ThreadEnded(kill, thread, t, signal))

    def lose(self, kill: Kill, t: float) -> None:
        """It was over before t, and nobody saw it."""
        for tid in list(kill.threads):
            self.thread_ended(kill, tid, t, None, died=False)
        self.end(kill)

    def walked(self, kill: Kill, walk: Walk) -> None:
        """All tasks have been looked at."""
        refused = kill.count_refused()
        self.threads_left_out = max(self.threads_left_out, kill.threads_left_out)
        if not walk.complete:
            return
        for tid in kill.missing(walk.started_t):
            self.thread_ended(kill, tid, walk.t, None, died=False)
        sent_t = kill.t if kill.sent else kill.t + _UNSENT_S
        kill.walked = kill.walked or sent_t <= walk.started_t
        if kill.walked and not kill.threads and not refused:
            self.end(kill)

    def check(self, kill: Kill) -> None:
        """A thread has died, or released the mm: was it the last?"""
        if kill.all_dead:
            self.end(kill)
        else:
            self._release(kill)

    def end(self, kill: Kill) -> None:
        kill.close()
        pid = next(pid for pid in (kill.victim.pid, kill.victim.tid) if pid in self.open)
        self.ended.pop(pid, None)
        self.ended[pid] = self.open.pop(pid)
        if self.kept is not None and len(self.ended) > KEPT:
            del self.ended[next(iter(self.ended))]
        self._release(kill)
        self.changes.append(KillOver(kill))

    def _release(self, kill: Kill) -> None:
        if kill.release() and kill.why == SHARES_MM and kill.of and kill.released_t is not None:
            kill.of.sharer_released(kill.released_t)
            self._release(kill.of)
