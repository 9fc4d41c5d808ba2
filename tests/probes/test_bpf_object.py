"""BPF objects on the running kernel: rungs that turn out not to hold, maps shared by name."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from ktrace.kernel.bpf_stats import BpfStats
from ktrace.kernel.btf import Btf
from ktrace.probes.bpf_object import BpfObject
from ktrace.probes.ladder import KernelHooks, Rung

pytestmark = pytest.mark.kernel


class Optimist(KernelHooks):
    """Knows nothing against any hook: only loading and attaching tell."""

    def refusal(self, rung: Rung) -> str:
        return ""

    def present(self, function: str) -> bool:
        return True


class Pessimist(KernelHooks):
    """Knows something against every hook."""

    def refusal(self, rung: Rung) -> str:
        return "no"


@pytest.fixture
def btf() -> Iterator[Btf]:
    opened = Btf.of_kernel()
    yield opened
    opened.close()


@pytest.fixture
def maps() -> Iterator[dict[str, int]]:
    """Maps by name, as objects share them."""
    shared: dict[str, int] = {}
    yield shared
    for descriptor in shared.values():
        os.close(descriptor)


@pytest.mark.parametrize("name", ["tasks", "oom", "pages", "squashfs"])
def test_what_attaching_alone_tells(name: str, btf: Btf, maps: dict[str, int]) -> None:
    """Without any knowledge beforehand every function ends on a rung that holds, or on none with
    a reason for each; the maps stay usable through all the attempts."""
    bpf_object = BpfObject(name, Optimist(btf), {}, maps)
    try:
        for probe in bpf_object.attach():
            assert (probe.state == "attached") == bool(probe.hook)
            assert probe.hook or probe.why
    finally:
        bpf_object.close()
    for descriptor in maps.values():
        os.fstat(descriptor)


def test_tracepoints_stay_when_functions_cannot_be_hooked(btf: Btf, maps: dict[str, int]) -> None:
    bpf_object = BpfObject("oom", Optimist(btf), {}, maps)
    try:
        states = {probe.function: probe.state for probe in bpf_object.attach()}
    finally:
        bpf_object.close()
    for tracepoint in ("mark_victim", "wake_reaper", "skip_task_reaping"):
        assert states[tracepoint] == "attached"


def test_nothing_is_loaded_when_everything_is_refused(btf: Btf, maps: dict[str, int]) -> None:
    bpf_object = BpfObject("tasks", Pessimist(btf), {}, maps)
    try:
        probes = bpf_object.attach()
        assert {probe.state for probe in probes} == {"missing"}
        assert all("no" in probe.why for probe in probes)
        with pytest.raises(KeyError):
            bpf_object.link_fd("iter_task")
    finally:
        bpf_object.close()
    assert maps == {}


def test_objects_share_maps(btf: Btf, maps: dict[str, int]) -> None:
    first = BpfObject("tasks", KernelHooks(btf), {}, maps)
    second = BpfObject("oom", KernelHooks(btf), {}, maps)
    try:
        first.attach()
        known = dict(maps)
        second.attach()
        assert {"events", "lost"} <= known.keys()
        assert {name: maps[name] for name in known} == known
    finally:
        second.close()
        first.close()


def test_the_kernel_counts_what_a_functions_program_costs(btf: Btf, maps: dict[str, int]) -> None:
    bpf_object = BpfObject("tasks", KernelHooks(btf), {}, maps)
    try:
        attached = {probe.function for probe in bpf_object.attach() if probe.state == "attached"}
        programs = bpf_object.program_fds()
        assert programs.keys() == attached
        stats = BpfStats({fd: name for name, fd in programs.items()})
        subprocess.run(["true"], check=True)
        (switched,) = (cost for cost in stats.read().costs if cost.name == "sched_switch")
        stats.close()
        assert switched.runs > 0
        assert switched.run_ns > 0
    finally:
        bpf_object.close()
    assert stats.read().costs == ()  # the programs are gone
