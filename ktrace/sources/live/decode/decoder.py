"""Which decoder an event of BPF goes to."""

from collections.abc import Callable
from typing import Any

from ktrace.events import Event, OomActivity
from ktrace.kernel.arm_unwind import ArmUnwinder
from ktrace.kernel.gfp import GfpFlags
from ktrace.kernel.symbols import Symbols
from ktrace.kernel.task_state import TaskStates
from ktrace.probes.loader import OomCounts, RawEvent
from ktrace.sources.live.decode.allocations import AllocationDecoder
from ktrace.sources.live.decode.fields import PAGE_KIB
from ktrace.sources.live.decode.oom import OomDecoder
from ktrace.sources.live.decode.pages import PageDecoder
from ktrace.sources.live.decode.stacks import Stacks
from ktrace.sources.live.decode.tasks import TaskDecoder


class Decoder:
    """Decodes with the facts of the kernel that sent the events."""

    def __init__(
        self,
        states: TaskStates,
        gfp: GfpFlags,
        constraints: dict[str, int] | None,
        pages: PageDecoder,
        word_bytes: int = 8,
        unwinder: ArmUnwinder | None = None,
        *,
        page_kib: int = PAGE_KIB,
        here: bool = True,
    ) -> None:
        """Of that kernel: word_bytes: of its pointers and longs; unwinder: of its sleepers' stacks;
        page_kib: of its pages. here: it runs on this machine."""
        self._stacks = Stacks(word_bytes, unwinder)
        self._pages = pages
        self._gfp = gfp
        self._oom = oom = OomDecoder(gfp, constraints, self._stacks, page_kib)
        tasks = TaskDecoder(states, self._stacks, page_kib, here)
        self.decoders: dict[str, Callable[[Any], Event]] = {  # by enum event_kind
            "OUT_OF_MEMORY": oom.out_of_memory,
            "OOM_KILL": oom.oom_kill,
            "OOM_VICTIM": oom.oom_victim,
            "OOM_REAP": oom.oom_reap,
            "OOM_ADJUST": oom.oom_adjust,
            "FATAL_SIGNAL": tasks.fatal_signal,
            "TASK_EXIT": tasks.task_exit,
            "TASK_DEAD": tasks.task_dead,
            "TASK_STATE": tasks.task_state,
            "TASK_RUNS": tasks.task_runs,
            "TASK_HUNG": tasks.task_hung,
            "BAD_PAGE": self._bad_page,
        }

    def allocations(self, migrate_types: dict[str, int] | None) -> AllocationDecoder:
        """migrate_types: the kernel's enum."""
        return AllocationDecoder(self._gfp, self._stacks, migrate_types)

    def use_symbols(self, symbols: Symbols) -> None:
        """Name addresses by these from now on: at the start, and after a module came."""
        self._stacks.use(symbols)

    @property
    def symbols(self) -> Symbols:
        """Those in use."""
        return self._stacks.symbols

    def decode(self, raw: RawEvent) -> Event:
        kind, data = raw
        return self.decoders[kind](data)

    def oom_activity(self, t: float, counts: OomCounts) -> OomActivity:
        """The counts of a domain, with its callers busiest first."""
        return self._oom.activity(t, counts)

    def _bad_page(self, raw: Any) -> Event:
        return self._pages.bad_page(raw, self._stacks.of(raw))
