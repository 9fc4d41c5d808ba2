"""Who submitted a bio, on the running kernel."""

from __future__ import annotations

import ctypes
import subprocess
from dataclasses import replace

import pytest

from ktrace.events import Task
from ktrace.kernel.btf import Btf
from ktrace.package import bpf_object
from ktrace.probes.bio_submitters import OBJECT, BioMembers, BioSubmitters
from ktrace.probes.bpf_object import BpfObject
from ktrace.probes.hash_map import HashMap
from ktrace.probes.ladder import KernelHooks
from ktrace.probes.probed_knobs import probed_knobs
from tests.stuck_tasks import file_system

pytestmark = pytest.mark.kernel


class Bio(ctypes.Structure):
    _fields_ = (("address", ctypes.c_uint64),)


def test_a_bio_is_known_by_what_it_has() -> None:
    maps: dict[str, int] = {}
    described = Btf.of_file(bpf_object(OBJECT))
    value = described.structure("bio_submitter")
    described.close()
    btf = Btf.of_kernel()
    bios = BpfObject(OBJECT, KernelHooks(btf), probed_knobs(btf), maps)
    try:
        (probe,) = bios.attach()
        assert (probe.function, probe.state) == ("block_bio_queue", "attached")
        with file_system() as below:
            command = [
                "dd",
                f"if={below.block_device()}",
                "of=/dev/null",
                "iflag=direct",
                "count=1",
            ]
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            assert process.wait() == 0
        noted = HashMap(maps["bio_submitters"], Bio, value, most=4096).entries()
        bio, by = next((bio.address, by) for bio, by in noted if by.pid == process.pid)
        members = BioMembers(by.sector, by.end_io, by.private)
        submitters = BioSubmitters(maps)
        assert members.sector == 0
        assert submitters.of(bio, members) == Task(process.pid, process.pid, "dd")
        assert submitters.of(bio, replace(members, private=members.private + 8)) is None
        assert submitters.of(bio + 1, members) is None
    finally:
        bios.close()
        btf.close()
