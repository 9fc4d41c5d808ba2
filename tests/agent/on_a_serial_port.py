"""ktrace-agent on the serial port of a guest in which ktrace itself runs, too."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ktrace.lab.build.agent_program import agent_program, reader_options
from ktrace.lab.build.cpio import Archive
from ktrace.lab.build.packages import Kernel
from ktrace.lab.cache import cache_dir
from ktrace.lab.errors import GuestDied
from ktrace.lab.guest.guest import Machine
from ktrace.lab.scenario import Stage
from ktrace.sources.agent.frames import FrameReader, FrameType
from tests import stuck_tasks
from tests.recorded import recorded
from tests.tracer import Record, ktrace

PORT = "/dev/ttyS0"


class SerialPort:
    """What comes out of it is in a file here."""

    def __init__(self, kernel: Kernel, folder: Path) -> None:
        self._kernel = kernel
        self._folder = folder
        self._raw = folder / "serial.raw"

    def plugged_in(self, machine: Machine) -> Machine:
        """With the agent in the guest's first file system: archives follow each other there."""
        more = Archive()
        more.file("bin/ktrace-agent", agent_program(cache_dir(), self._kernel).read_bytes(), 0o755)
        both = self._folder / "initramfs"
        both.write_bytes(machine.initramfs.read_bytes() + more.data())
        port = ("-chardev", f"file,id=serial,path={self._raw}")
        port += ("-device", "pci-serial,chardev=serial")
        return replace(machine, initramfs=both, devices=(*machine.devices, *port))

    def start_agent(self, stage: Stage) -> None:
        background = f"ktrace-agent -o {PORT} </dev/null >/run/serial.log 2>&1 & echo $!"
        stage.kept["agent"] = int(stage.guest.check(background))
        self.wait_for_walk()

    def crash(self, stage: Stage) -> None:
        """Somebody is killed, the agent walks, and the kernel panics."""
        stage.kept["killed"] = int(stage.guest.check("sleep 999 & kill -9 $!; echo $!"))
        self.wait_for_walk()
        try:
            stage.guest.run("echo c >/proc/sysrq-trigger")
        except GuestDied as died:
            assert "Kernel panic" in str(died)  # noqa: PT017

    def wait_for_walk(self) -> None:
        """One that has not begun yet."""
        walks = self._walks()
        stuck_tasks.wait_until("the agent walks", lambda: self._walks() >= walks + 2)

    def _walks(self) -> int:
        data = self._raw.read_bytes()
        return sum(frame.type == FrameType.WALK for frame in FrameReader().feed(data))

    def records(self) -> tuple[int, list[Record]]:
        """What ktrace here makes of it: its exit code, and the trace."""
        trace = self._folder / "serial.ktrace"
        options = ["-o", str(trace), *reader_options(cache_dir(), self._kernel)]
        done = ktrace("oom-hang", "--json", "--from", str(self._raw), *options)
        return done.returncode, recorded(trace)


def resident_kib(stage: Stage, pid: int) -> int:
    status = stage.guest.check(f"cat /proc/{pid}/status")
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0])


def same_facts(of: Callable[[str], list[Record]]) -> list[tuple[object, ...]]:
    """Of the findings of either: who is stuck where, by whom it was killed, how it ended."""
    return sorted(
        (r["tid"], r["comm"], r["state"], r["killed"]["by"], r["wait"]["function"], *r["stack"])
        for r in of("open")
    ) + sorted((r["tid"], r["outcome"]["exit_signal"]) for r in of("resolved"))
