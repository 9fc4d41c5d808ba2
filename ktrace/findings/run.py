"""The records that frame a run: its head and its foot."""

from dataclasses import dataclass, field
from typing import Any

from ktrace.events import to_json
from ktrace.typed_json import build

KERNEL_LOG = "kernel log"  # a session's loader, where there was none


@dataclass(frozen=True, slots=True)
class Probe:
    """What became of a function that ktrace wants to hook."""

    function: str
    hook: str  # fentry, kprobe, tp_btf, raw_tp, iter; "" when there is none
    state: str  # attached, waiting, missing
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
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
    warnings: tuple[str, ...] = ()

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


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """The foot of a run."""

    t: float
    lost: int
    lost_by: dict[str, int] = field(default_factory=dict)
    findings: int
    verdict: str  # found, clean, inconclusive
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"kind": "end", **to_json(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "End":
        """Raises ValueError saying what is wrong with data."""
        return build(cls, data, "end")
