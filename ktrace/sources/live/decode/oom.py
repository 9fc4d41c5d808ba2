"""The OOM killer: who invokes it, whom it kills, what it counts."""

from typing import Any

from ktrace.events import (
    OomActivity,
    OomAdjust,
    OomCaller,
    OomKill,
    OomReap,
    OomVictim,
    OutOfMemory,
)
from ktrace.kernel.container_names import container_names
from ktrace.kernel.gfp import GfpFlags
from ktrace.probes.loader import OomCounts
from ktrace.probes.wire import wire
from ktrace.sources.live.decode.fields import PAGE_KIB, cgroup, kib, seconds, task
from ktrace.sources.live.decode.stacks import Stacks, in_page_fault


class OomDecoder:
    """Its methods are called as the structs that they decode."""

    def __init__(
        self,
        gfp: GfpFlags,
        constraints: dict[str, int] | None,
        stacks: Stacks,
        page_kib: int = PAGE_KIB,
    ) -> None:
        self._gfp = gfp
        self._page_kib = page_kib
        self._constraints = {number: name for name, number in (constraints or {}).items()}
        self._stacks = stacks
        self._steps = wire().words("reap_step")
        self._calls = wire().words("oom_call")
        self._results = wire().words("oom_result")

    def out_of_memory(self, raw: Any) -> OutOfMemory:
        return OutOfMemory(
            t=seconds(raw.event.t),
            by=task(raw.by),
            order=raw.order,
            gfp=self._gfp.names(raw.gfp_mask),
            gfp_mask=hex(raw.gfp_mask),
            memcg=cgroup(raw.memcg) if raw.memcg_oom else None,
            cgroup_id=raw.cgroup_id,
        )

    def oom_kill(self, raw: Any) -> OomKill:
        path = cgroup(raw.cgroup)
        return OomKill(
            t=seconds(raw.event.t),
            by=task(raw.by),
            victim=task(raw.victim),
            order=raw.order,
            gfp=self._gfp.names(raw.gfp_mask),
            gfp_mask=hex(raw.gfp_mask),
            constraint=self._constraint(raw),
            oom_score_adj=raw.oom_score_adj,
            points=raw.points,
            totalpages=raw.totalpages,
            uid=raw.uid,
            threads=raw.threads,
            total_vm_kib=kib(raw.total_vm, self._page_kib),
            anon_rss_kib=kib(raw.anon_rss, self._page_kib),
            file_rss_kib=kib(raw.file_rss, self._page_kib),
            shmem_rss_kib=kib(raw.shmem_rss, self._page_kib),
            pgtables_kib=raw.pgtables // 1024,
            cgroup=path,
            names=container_names(path),
            invoked_t=seconds(raw.invoked_t) if raw.invoked_t else None,
            domain_id=raw.domain_id,
        )

    def oom_victim(self, raw: Any) -> OomVictim:
        return OomVictim(t=seconds(raw.event.t), by=task(raw.by), tid=raw.tid, pid=raw.pid)

    def oom_reap(self, raw: Any) -> OomReap:
        return OomReap(
            t=seconds(raw.event.t),
            step=self._steps[raw.step],
            tid=raw.tid,
            rss_kib=None if raw.rss == -1 else kib(raw.rss, self._page_kib),
        )

    def oom_adjust(self, raw: Any) -> OomAdjust:
        return OomAdjust(
            t=seconds(raw.event.t),
            by=task(raw.by),
            task=task(raw.task),
            oom_score_adj=raw.oom_score_adj,
        )

    def activity(self, t: float, counts: OomCounts) -> OomActivity:
        """The counts of a domain, with its callers busiest first."""
        domain = counts.domain
        stacks = [self._stacks.callers_of("out_of_memory", caller) for caller in counts.callers]
        results = {self._results[number]: n for number, n in enumerate(domain.results)}
        return OomActivity(
            t=t,
            call=self._calls[counts.call],
            memcg=cgroup(domain.memcg) if domain.memcg_oom else None,
            first_t=seconds(domain.first_t),
            last_t=seconds(domain.last_t),
            calls=domain.calls,
            killed=results["killed"],
            nobody=results["nobody"],
            waits=results["waits"],
            other=results["other"],
            constraint=self._constraint(domain) if any(domain.results) else "",
            order=domain.order,
            gfp=self._gfp.names(domain.gfp_mask) if domain.gfp_mask else "",
            callers=tuple(
                OomCaller(
                    task(caller.task),
                    caller.calls,
                    seconds(caller.first_t),
                    seconds(caller.last_t),
                    in_page_fault(stack),
                )
                for caller, stack in zip(counts.callers, stacks, strict=True)
            ),
            stack=stacks[0] if stacks else (),
            cgroup_id=counts.cgroup,
        )

    def _constraint(self, raw: Any) -> str:
        return self._constraints.get(raw.constraint, str(raw.constraint))
