"""The machine that a live run is about: this one, or a board whose agent writes what happens."""

import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from ktrace import survival
from ktrace.events import Event
from ktrace.findings import Probe
from ktrace.kernel.boot import boot_id
from ktrace.kernel.capabilities import effective
from ktrace.privileges import missing, why_hidden
from ktrace.record import record
from ktrace.sources.live.source import LiveSource, now

if TYPE_CHECKING:
    from ktrace.sources.agent.source import AgentSource


@record
class Machine:
    """What a session says of it."""

    host: str
    kernel: str
    boot_id: str
    machine: str
    wall: str  # UTC, now


class Named(Protocol):
    @property
    def name(self) -> str: ...


class Source(Protocol):
    """LiveSource, or AgentSource."""

    probes: list[Probe]
    attaching_t: float
    attached_t: float

    @property
    def loader(self) -> Named: ...

    def load_symbols(self) -> int: ...

    def wake_on(self, fd: int) -> None: ...

    def read(self, timeout_s: float) -> Iterable[Event]: ...

    def finish(self) -> list[Event]: ...

    def close(self) -> None: ...


class Origin(Protocol):
    """What differs."""

    def now(self) -> float:
        """On the machine's CLOCK_BOOTTIME."""

    def machine(self) -> Machine: ...

    def warnings(self, symbols: int) -> list[str]:
        """Secures this process, where it must live on that machine; what the user should know.
        symbols: how many that kernel shows."""

    def ended(self) -> str:
        """Why no more can come; "" while it can."""


class Here:
    """This machine."""

    def __init__(self, source: LiveSource) -> None:
        self._source = source

    def now(self) -> float:
        return now()

    def machine(self) -> Machine:
        uname = os.uname()
        wall = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return Machine(uname.nodename, uname.release, boot_id(), uname.machine, wall)

    def warnings(self, symbols: int) -> list[str]:
        warnings = [*survival.survive(), *missing(effective())]
        if not symbols:
            why = why_hidden()
            warnings.append(f"kernel addresses are hidden ({why}): stacks show numbers")
            warnings.append("wait chains are not read: kernel addresses are hidden")
        elif self._source.why_no_waits:
            warnings.append(f"wait chains are not read: {self._source.why_no_waits}")
        return warnings

    def ended(self) -> str:
        return ""


class OnBoard:
    """A machine that an agent runs on. Here nothing has to survive it."""

    def __init__(self, source: "AgentSource") -> None:
        self._source = source

    def now(self) -> float:
        return self._source.now()

    def machine(self) -> Machine:
        board = self._source.board
        return Machine(board.host, board.release, board.boot_id, board.machine, board.wall)

    def warnings(self, symbols: int) -> list[str]:
        return self._source.warnings

    def ended(self) -> str:
        return self._source.ended
