"""What a run of each BPF program costs, as the kernel counts it for a second in ten.

Its statistics are those of all BPF programs of the machine, each of which reads the clock twice a
run while they are on (__bpf_prog_run() of include/linux/filter.h): so they are not on all the time.
"""

from collections.abc import Mapping

from ktrace.events import ProbeCost
from ktrace.kernel.bpf_stats import BpfStats

_EVERY_S = 10.0


class ProbeCosts:
    """Call read() once a second."""

    def __init__(self) -> None:
        self.over_s = 0.0  # so long the statistics have been on
        self.why_not = ""
        self._sums: dict[str, tuple[int, int]] = {}
        self._stats: BpfStats | None = None
        self._counted: Mapping[str, int] = {}
        self._next_t = 0.0

    def read(self, t: float, programs: Mapping[str, int], busy: bool) -> tuple[ProbeCost, ...]:
        """programs: descriptors, by the function that they hook. busy: they were called since the
        last read, and so there will be something to count. What is known by now."""
        if self._stats is not None:
            self._switch_off(programs)
        elif busy and programs and t >= self._next_t:
            self._next_t = t + _EVERY_S
            self._counted = dict(programs)
            self._stats = BpfStats({fd: name for name, fd in programs.items()})
        return tuple(ProbeCost(name, runs, ns) for name, (runs, ns) in self._sums.items())

    def close(self) -> None:
        if self._stats is not None:
            self._stats.close()
            self._stats = None

    def _switch_off(self, programs: Mapping[str, int]) -> None:
        assert self._stats is not None
        reading = self._stats.read()
        self.close()
        self.why_not = reading.why_not
        if self.why_not or self._counted != programs:  # a module came or went: other programs
            return
        if not any(cost.runs for cost in reading.costs):
            self._next_t = 0.0  # a short run has its costs, too
        self.over_s += reading.lasted_s
        for cost in reading.costs:
            runs, ns = self._sums.get(cost.name, (0, 0))
            self._sums[cost.name] = runs + cost.runs, ns + cost.run_ns
