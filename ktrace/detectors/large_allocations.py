"""Large allocations that fail, wait long, or lead to an OOM kill; and all others beside them."""

from collections import deque
from collections.abc import Iterator
from typing import ClassVar, Self

from ktrace.detectors.allocation_use import caller_of, is_expected, use_of
from ktrace.detectors.detector import Count, Detector, Run
from ktrace.detectors.fragmentation import zone_states
from ktrace.detectors.kills import Kill, Kills
from ktrace.detectors.oom_cause import cause_of
from ktrace.detectors.oom_facts import facts_of_kill
from ktrace.detectors.oom_kills import id_of
from ktrace.events import (
    AllocationSite,
    AllocationsLeftOut,
    BlocksStolen,
    Event,
    FreeBlocks,
    Steal,
)
from ktrace.findings import Finding, LargeAllocation
from ktrace.plural import count
from ktrace.task_filter import NO_FILTER, TaskFilter

STALLED_AFTER_S = 0.1
MIN_ORDER = 3
_PROBES = ("mm_page_alloc",)
_LOOKS = 8
_STOLEN_TOLD = 3
_MOST_SITES = 4096  # more than the kernel's table has
_AGAIN = 2  # times as many failures, or as long a wait, as were told, are told again


class LargeAllocations(Detector):
    """Tells a site when it first fails or waits for long, and when that has doubled."""

    findings: ClassVar[tuple[type[Finding], ...]] = (LargeAllocation,)
    takes = frozenset({AllocationSite, FreeBlocks, BlocksStolen, AllocationsLeftOut})

    def __init__(
        self,
        stalled_after: float,
        min_order: int,
        kills: Kills,
        task_filter: TaskFilter = NO_FILTER,
        warnings_seen: bool = False,
    ) -> None:
        """warnings_seen: there is a probe on warn_alloc()."""
        self._warnings_seen = warnings_seen
        self.stalled_after = stalled_after
        self.min_order = min_order
        self.sites: dict[int, AllocationSite] = {}
        self.told: dict[int, LargeAllocation] = {}  # by site: the newest
        self.looks: deque[FreeBlocks] = deque(maxlen=_LOOKS)
        self.steals: tuple[Steal, ...] = ()
        self.left_out: AllocationsLeftOut | None = None
        self._filter = task_filter
        self._kills = kills

    @classmethod
    def of_run(cls, run: Run) -> Self:
        after, order = run.session.stalled_after, run.session.min_order
        return cls(
            STALLED_AFTER_S if after is None else after,
            MIN_ORDER if order is None else order,
            run.kills,
            run.filter,
            any(p.function == "warn_alloc" and p.state == "attached" for p in run.session.probes),
        )

    def feed(self, event: Event) -> Iterator[LargeAllocation]:
        match event:
            case AllocationSite():
                if self._asked_for(event) and (
                    event.site in self.sites or len(self.sites) < _MOST_SITES
                ):
                    self.sites[event.site] = event
                    yield from self._judge(event)
            case FreeBlocks():
                self.looks.append(event)
            case BlocksStolen():
                self.steals = event.steals
            case AllocationsLeftOut():
                self.left_out = event

    def doubts(self, t: float) -> Iterator[str]:
        """An interrupt that comes while a probe runs is not seen by that probe. Where it fails to
        allocate, and has nothing ready for that, the kernel says so: warn_alloc(), which is called
        with __GFP_NOWARN, too, and then says nothing."""
        loud = [site for site in self.sites.values() if not site.no_warn]
        warnings = sum(site.calls for site in loud if site.what == "warning")
        unexplained = warnings - sum(site.failed for site in loud)
        if unexplained > 0:
            yield f"the kernel reported {count(unexplained, 'failure')} of unknown order"
        unexplained = sum(kill.choice is None for kill in self._kills.oom)
        if unexplained:
            yield f"{count(unexplained, 'OOM kill')} for a request of unknown order"
        lost = self.left_out
        if lost is None:
            return
        if lost.failures:
            yield f"{count(lost.failures, 'failed allocation')} not counted"
        if lost.waits:
            yield f"{count(lost.waits, 'wait')} of allocations not timed"
        if lost.missed and not self._warnings_seen:
            yield f"{count(lost.missed, 'call')} of interrupts came while a probe was busy"

    def counts(self) -> dict[str, Count]:
        return {
            "large_allocations": Count(self.total("calls"), _PROBES),
            "large_allocations_failed": Count(self.failed(expected=False), _PROBES),
            "large_allocations_fell_back": Count(self.failed(expected=True), _PROBES),
            "large_allocations_waited": Count(self.total("waited"), _PROBES),
        }

    def total(self, member: str) -> int:
        """Of all sites but what only repeats a failure."""
        return sum(getattr(s, member) for s in self.sites.values() if s.what != "warning")

    def failed(self, expected: bool) -> int:
        """Failures that are, or are not, part of the caller's plan."""
        return sum(s.failed for s in self.sites.values() if is_expected(s) == expected)

    def _asked_for(self, site: AllocationSite) -> bool:
        if site.interrupt:
            return not self._filter
        return self._filter.fits(site.task.pid, site.task.comm, site.cgroup)

    def _judge(self, site: AllocationSite) -> Iterator[LargeAllocation]:
        kill = self._kill_of(site)
        failed = site.failed if not is_expected(site) else 0
        stalled = site.longest_s >= self.stalled_after
        if site.what == "warning" or not (kill or failed or stalled):
            return
        told = self.told.get(site.site)
        new = (
            told is None
            or (kill is not None and told.victim is None)
            or (failed and site.failed >= _AGAIN * max(told.failed, 1))
            or (stalled and site.longest_s >= _AGAIN * told.longest_s > 0)
        )
        if new:
            reason = "oom" if kill else "failed" if failed else "stalled"
            found = self._finding(site, reason, kill, told)
            self.told[site.site] = found
            yield found

    def _kill_of(self, site: AllocationSite) -> Kill | None:
        """An OOM kill that this site's call led to: by the same task, for the same request."""
        wanted = (site.task.comm, site.order, site.gfp_mask)
        # the first call is counted when it is over
        since = site.first_t - max(self.stalled_after, site.longest_s)
        for kill in reversed(self._kills.oom):
            if kill.begun_t < since:
                break
            asked = kill.choice
            if asked and (asked.by.comm, asked.order, asked.gfp_mask) == wanted:
                return kill if asked.t <= site.last_t else None
        return None

    def _finding(
        self,
        site: AllocationSite,
        reason: str,
        kill: Kill | None,
        told: LargeAllocation | None,
    ) -> LargeAllocation:
        at = site.failed_t if reason == "failed" else site.longest_t
        look = self._look_before(site.t if at is None else at)
        facts = facts_of_kill(kill) if kill else None
        caller, use = caller_of(site.stack), use_of(site.stack, site.what)
        return LargeAllocation(
            status="open" if told is None else "update",
            id=f"alloc-{site.site}",
            t=site.t,
            reason=reason,
            function=caller.function,
            module=caller.module,
            use=use.name,
            contiguous=use.contiguous,
            what=site.what,
            pid=site.task.pid,
            tid=site.task.tid,
            comm=site.task.comm,
            interrupt=site.interrupt,
            cgroup=site.cgroup,
            order=site.order,
            size_kib=_size_kib(site, look),
            gfp=site.gfp,
            may_wait=site.may_wait,
            calls=site.calls,
            failed=site.failed,
            failed_t=site.failed_t,
            waited=site.waited,
            waited_s=site.waited_s,
            longest_s=site.longest_s,
            reclaim_s=site.reclaim_s,
            compaction_s=site.compaction_s,
            live=None if use.split else site.live,
            live_bytes=None if use.split else site.live_bytes,
            zones=zone_states(look, site.order) if look else (),
            looked_t=look.looked_t if look else None,
            stolen=self.steals[:_STOLEN_TOLD],
            victim=kill.victim if kill else None,
            killed_t=kill.choice.t if kill and kill.choice else None,
            kill_id=id_of(kill) if kill else None,
            kill_cause=cause_of(facts) if facts else None,
            stack=site.stack,
        )

    def _look_before(self, t: float) -> FreeBlocks | None:
        """The newest until t; where there is none, the first after it."""
        before = [look for look in self.looks if look.looked_t <= t]
        return before[-1] if before else self.looks[0] if self.looks else None


def _size_kib(site: AllocationSite, look: FreeBlocks | None) -> int:
    succeeded = site.calls - site.failed
    if succeeded > 0:
        return site.bytes // succeeded // 1024
    return (look.page_kib if look else 4) << site.order
