"""Which BPF objects a machine gets."""

import os

import pytest

from ktrace.bpf_arch import bpf_arch
from ktrace.package import bpf_object

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("machine", "arch"),
    [
        ("x86_64", "x86"),
        ("aarch64", "arm64"),
        ("armv7l", "arm"),
        ("armv6l", "arm"),
        ("riscv64", "riscv"),
        ("vax", None),
    ],
)
def test_architectures(machine: str, arch: str | None) -> None:
    assert bpf_arch(machine) == arch


def test_objects_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    given = os.uname()
    for machine, folder in (("armv7l", "arm"), ("aarch64", "arm64"), ("vax", "vax")):
        names = [*given[:4], machine]
        monkeypatch.setattr(os, "uname", lambda names=names: os.uname_result(names))
        assert bpf_object("oom").endswith(f"/bpf/{folder}/oom.bpf.o")
