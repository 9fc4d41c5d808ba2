"""Who submitted a bio, on the running kernel."""

from __future__ import annotations

import ctypes
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ktrace.events import Task
from ktrace.kernel.btf import Btf
from ktrace.package import bpf_object
from ktrace.probes.bio_submitters import OBJECT, BioMembers, BioSubmitters
from ktrace.probes.bpf_object import BpfObject
from ktrace.probes.hash_map import HashMap
from ktrace.probes.ladder import KernelHooks
from ktrace.probes.probed_knobs import probed_knobs
from tests.stuck_tasks import file_system, wait_until

pytestmark = pytest.mark.kernel


class Bio(ctypes.Structure):
    _fields_ = (("address", ctypes.c_uint64),)


def read_once(device: Path, noted: int) -> tuple[int, Any] | None:
    """The bio by which a dd reads the device's begin (it may read its own program, too), and what
    was noted of it; None where the map changed while it was read."""
    command = ["dd", f"if={device}", "of=/dev/null", "iflag=direct", "count=1", "bs=4096"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    assert process.wait() == 0
    entries = HashMap(noted, Bio, value_type(), most=4096).entries()
    of_dd = ((bio.address, by) for bio, by in entries if by.pid == process.pid)
    return next((found for found in of_dd if found[1].sector == 0), None)


def value_type() -> type[ctypes.Structure]:
    described = Btf.of_file(bpf_object(OBJECT))
    try:
        return described.structure("bio_submitter")
    finally:
        described.close()


def test_a_bio_is_known_by_what_it_has() -> None:
    maps: dict[str, int] = {}
    btf = Btf.of_kernel()
    bios = BpfObject(OBJECT, KernelHooks(btf), probed_knobs(btf), maps)
    try:
        (probe,) = bios.attach()
        assert (probe.function, probe.state) == ("block_bio_queue", "attached")
        with file_system() as below:
            device = below.block_device()
            bio, by = wait_until("a bio of dd", lambda: read_once(device, maps["bio_submitters"]))
        members = BioMembers(by.sector, by.end_io, by.private)
        submitters = BioSubmitters(maps)
        assert (by.sector, by.size) == (0, 4096)
        assert submitters.of(bio, members) == Task(by.pid, by.pid, "dd")
        assert submitters.of(bio, replace(members, sector=8)) == Task(by.pid, by.pid, "dd")
        assert submitters.of(bio, replace(members, sector=9)) is None
        assert submitters.of(bio, replace(members, private=members.private + 8)) is None
        assert submitters.of(bio + 1, members) is None
    finally:
        bios.close()
        btf.close()
