"""What a scenario is: a name, a machine, and steps that are run in order, in each of its boots."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ktrace.lab.arch import AMD64, Arch
from ktrace.lab.errors import GuestTimeout
from ktrace.lab.guest.guest import Disk, Guest, Machine
from ktrace.lab.limits import PATIENCE_S

_POLL_S = 0.1


@dataclass
class Stage:
    """What the steps of one boot share: the guest, and the pids of the workload by their part.

    `kept` goes on from boot to boot of a run.
    """

    guest: Guest
    pids: dict[str, list[int]] = field(default_factory=dict)
    boot: int = 0  # the first is 0
    kept: dict[str, int] = field(default_factory=dict)

    def wait_traced(self, text: bytes, timeout_s: float = PATIENCE_S) -> None:
        """Wait until ktrace has recorded a line with this text."""
        deadline = time.monotonic() + timeout_s
        while text not in self.guest.machine.trace.read_bytes():
            if time.monotonic() > deadline:
                raise GuestTimeout(f"ktrace recorded no {text.decode()} in {timeout_s:.0f} s")
            time.sleep(_POLL_S)

    def give_time(
        self, least_s: float, enough: Callable[[bytes], bool], most_s: float = PATIENCE_S
    ) -> bool:
        """Let the guest be for least_s, and on until ktrace's trace is enough, most_s at the most.

        Whether it was enough in the end. A busy machine only makes this longer.
        """
        started = time.monotonic()
        while True:
            over_s = time.monotonic() - started
            if over_s >= least_s and enough(self.guest.machine.trace.read_bytes()):
                return True
            if over_s >= least_s + most_s:
                return False
            time.sleep(_POLL_S)


@dataclass(frozen=True)
class Step:
    """One step: what the user reads, and what it does."""

    name: str
    action: Callable[[Stage], None]


@dataclass(frozen=True)
class Scenario:
    """A kernel bug on demand.

    `modules` are put into the guest, but not loaded at boot; so are `own_modules`, which the lab
    compiles from guest_files/NAME.c. The steps are run once in each of `boots`, which are what is
    added to the kernel's command line; ktrace records one trace in each. `memory_file`: the
    guest's memory is a file, so that it can be changed from outside. `own_root`: the disks have
    ktrace and all that it needs; `prepare` mounts them, before ktrace is started. `arches`: those
    on which it was seen to work, by Debian's names.
    """

    name: str
    summary: str
    command: tuple[str, ...]
    modules: tuple[str, ...]
    disks: Callable[[Path, Arch], tuple[Disk, ...]]
    steps: Sequence[Step]
    memory_mb: int = 256
    cpus: int = 2
    boots: tuple[str, ...] = ("",)
    own_modules: tuple[str, ...] = ()
    memory_file: bool = False
    five_levels: bool = False  # of page tables
    own_root: bool = False
    arches: tuple[str, ...] = (AMD64.name,)
    prepare: Sequence[Step] = ()
    afterwards: Sequence[Step] = ()  # when ktrace has ended, before the guest is switched off
    change: Callable[[Machine], Machine] = lambda machine: machine  # what to boot instead
    # Instead of steps, for a kernel that may not have the bug: they prove nothing by the bug.
    steps_elsewhere: Sequence[Step] = ()
