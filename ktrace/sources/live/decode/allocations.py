"""Large allocations: structs of bpf/allocations.h."""

import re
from collections.abc import Mapping
from typing import Any

from ktrace.events import AllocationSite, Stack, Steal
from ktrace.kernel.gfp import GfpFlags
from ktrace.probes.allocation_maps import Living
from ktrace.sources.live.decode.fields import cgroup, seconds, task
from ktrace.sources.live.decode.stacks import Stacks

# As /proc/pagetypeinfo has the names of enum migratetype: migratetype_names of mm/show_mem.c
_TYPES = {
    "MIGRATE_UNMOVABLE": "Unmovable",
    "MIGRATE_MOVABLE": "Movable",
    "MIGRATE_RECLAIMABLE": "Reclaimable",
    "MIGRATE_HIGHATOMIC": "HighAtomic",
    "MIGRATE_CMA": "CMA",
    "MIGRATE_ISOLATE": "Isolate",
}
# kernel/softirq.c, and the entries of interrupts; of arm64 those of its vectors
_INTERRUPT = re.compile(
    r"(asm_)?(common_interrupt|sysvec_\w+|exc_nmi)\b|__do_softirq\b|handle_softirqs\b|do_softirq\b"
    r"|__irq_exit_rcu\b|el[01]\w*_(irq|interrupt)\b|handle_riscv_irq\b|asm_call_\w+_on_stack\b"
)
_NO_FLAGS = ("vmalloc", "percpu")  # their tracepoints tell none


class AllocationDecoder:
    """migrate_types: the kernel's enum; None where it is not known."""

    def __init__(
        self, gfp: GfpFlags, stacks: Stacks, migrate_types: Mapping[str, int] | None
    ) -> None:
        self._gfp, self._stacks = gfp, stacks
        self._types = {
            number: _TYPES[name] for name, number in (migrate_types or {}).items() if name in _TYPES
        }

    def site(
        self, what: str, key: Any, raw: Any, living: Living | None, t: float
    ) -> AllocationSite:
        """living: None where it is not known."""
        stack = self._stacks.of(raw)
        own = before_interrupt(stack)
        if what == "pages" and not key.order:
            living = None  # the end of single pages is not watched
        return AllocationSite(
            t=t,
            site=raw.id,
            what=what,
            task=task(raw.task),
            cgroup=cgroup(raw.cgroup),
            order=key.order,
            gfp="" if what in _NO_FLAGS else self._gfp.names(key.gfp),
            gfp_mask=None if what in _NO_FLAGS else hex(key.gfp),
            may_wait=self._has("__GFP_DIRECT_RECLAIM", what, key),
            no_retry=self._has("__GFP_NORETRY", what, key),
            no_warn=self._has("__GFP_NOWARN", what, key),
            first_t=seconds(raw.first_t),
            last_t=seconds(raw.last_t),
            calls=raw.calls,
            bytes=raw.bytes,
            failed=raw.failed,
            failed_t=_time(raw.failed_t),
            waited=raw.waited,
            waited_s=seconds(raw.wait_ns),
            longest_s=seconds(raw.longest_ns),
            longest_t=_time(raw.longest_t),
            reclaim_s=seconds(raw.reclaim_ns),
            compaction_s=seconds(raw.compact_ns),
            waits=_without_end(list(raw.waits)),
            live=living.number if living else None,
            live_bytes=living.bytes if living else None,
            oldest_t=_time(living.oldest_t) if living else None,
            interrupt=len(own) < len(stack),
            stack=own,
        )

    def steal(self, key: Any, raw: Any, whole_known: bool) -> Steal:
        """whole_known: the kernel's pageblock_order is."""
        return Steal(
            task=task(raw.task),
            taken_for=self._type(key.taken_for),
            taken_from=self._type(key.taken_from),
            count=raw.count,
            pages=raw.pages,
            whole=raw.whole if whole_known else None,
            last_t=seconds(raw.last_t),
        )

    def _has(self, flag: str, what: str, key: Any) -> bool | None:
        mask = self._gfp.mask(flag)
        return None if what in _NO_FLAGS or not mask else key.gfp & mask == mask

    def _type(self, number: int) -> str:
        return self._types.get(number, str(number))


def before_interrupt(stack: Stack) -> Stack:
    """Without the code that was interrupted, and how the interrupt came: only what it does."""
    for index, frame in enumerate(stack):
        if _INTERRUPT.match(frame):
            return stack[:index]
    return stack


def _time(nanoseconds: int) -> float | None:
    return seconds(nanoseconds) if nanoseconds else None


def _without_end(counts: list[int]) -> tuple[int, ...]:
    """Without the zeros behind the last wait."""
    while counts and not counts[-1]:
        counts.pop()
    return tuple(counts)
