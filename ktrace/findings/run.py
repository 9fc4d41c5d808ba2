"""The records that frame a run: its head and its foot."""

from dataclasses import field
from typing import Any

from ktrace.events import to_json
from ktrace.record import record
from ktrace.task_filter import TaskFilter
from ktrace.typed_json import build

MAX_PAUSE_S = 2.0  # of ktrace itself
KERNEL_LOG = "kernel log"  # a session's loader, where there was none


@record
class Probe:
    """What became of a function that ktrace wants to hook."""

    function: str
    hook: str  # fentry, kprobe, tp_btf, raw_tp, iter; "" when there is none
    state: str  # attached, waiting, missing
    why: str = ""


@record(kw_only=True)
class Session:
    """The head of a run: what traced what, and how."""

    ktrace: str
    format: int
    command: str
    host: str
    kernel: str
    boot_id: str
    machine: str
    clock: str = "CLOCK_BOOTTIME"
    t: float
    wall: str  # UTC, ISO 8601, at t
    loader: str
    stuck_after: float
    probes: tuple[Probe, ...]
    # tasks in D count as blocked after so many seconds, killed or not; None: after stuck_after, and
    # only `ktrace stuck` looks for them
    blocked_after: float | None = None
    warnings: tuple[str, ...] = ()
    # when the first hook was put in and when the last one was: what this did to the machine (waits
    # for RCU, text that is patched) is ktrace's own; None: nothing was traced, or an older ktrace
    attaching_t: float | None = None
    attached_t: float | None = None
    # of the rest of a trace that was written elsewhere: how many bytes of the trace, unpacked, come
    # before it
    rest_from: int | None = None
    segment: int | None = None  # of a run that writes several traces: which it is, from 1 on
    filter: TaskFilter | None = None  # of the tasks that are shown and judged; None: all are
    # of large allocations: their order, at least, and how many seconds one waits that is reported;
    # None: they are not traced
    min_order: int | None = None
    stalled_after: float | None = None
    also: tuple[str, ...] = ()  # problems that `ktrace record --with` was asked for

    @property
    def from_log(self) -> bool:
        """Was a kernel log read, and nothing traced?"""
        return self.loader == KERNEL_LOG

    def to_json(self) -> dict[str, Any]:
        return {"kind": "session", **to_json(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Session":
        """Raises ValueError saying what is wrong with data."""
        return build(cls, data, "session")


@record(kw_only=True)
class CommandEnd:
    """What became of COMMAND, which ktrace ran."""

    argv: tuple[str, ...]
    pid: int | None  # also of its process group
    outcome: str  # exited, signalled, running (wanted), unkillable, not-executed
    status: int | None  # exit status
    signal: int | None  # that ended it
    by_ktrace: bool  # ktrace ended it: the run was over
    ran_s: float
    why: str  # it was not executed
    strict: bool  # its failure makes a clean run inconclusive

    @property
    def failed(self) -> bool:
        """By itself, not because ktrace ended it."""
        return self.outcome == "not-executed" or (
            not self.by_ktrace and bool(self.status or self.signal)
        )

    def doubts(self) -> list[str]:
        """Why nothing found means nothing."""
        if self.outcome == "not-executed":
            return ["COMMAND was not executed"]
        return ["COMMAND failed"] if self.strict and self.failed else []


@record(kw_only=True)
class OwnPace:
    """How ktrace itself fared from when it traced, to the end."""

    major_faults: int | None  # pages of its own that it waited for, since a disk had them
    longest_pause_s: float  # without showing and handing over what is known; a second is usual

    @property
    def held_up(self) -> bool:
        """Was it not as quick as it should be?"""
        return bool(self.major_faults) or self.longest_pause_s > MAX_PAUSE_S


@record(kw_only=True)
class End:
    """The foot of a run."""

    t: float
    lost: int
    lost_by: dict[str, int] = field(default_factory=dict)
    findings: int
    verdict: str  # found, clean, inconclusive
    why: str = ""
    found: dict[str, int | None] = field(default_factory=dict)  # by problem; None: not measured
    counts: dict[str, int | None] = field(default_factory=dict)  # what was watched; None likewise
    command: CommandEnd | None = None
    own: OwnPace | None = None  # None: nothing was traced, or an older ktrace

    def to_json(self) -> dict[str, Any]:
        return {"kind": "end", **to_json(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "End":
        """Raises ValueError saying what is wrong with data."""
        return build(cls, data, "end")
