"""libbpf wherever there is BTF, else bcc."""

from pathlib import Path

import pytest

from ktrace.probes.choice import choose

pytestmark = pytest.mark.unit


def test_auto_follows_btf(tmp_path: Path) -> None:
    vmlinux = tmp_path / "vmlinux"
    assert choose("auto", str(vmlinux)).name == "bcc"
    assert str(vmlinux) in choose("auto", str(vmlinux)).why
    vmlinux.write_bytes(b"")
    assert choose("auto", str(vmlinux)).name == "bcc"
    vmlinux.write_bytes(b"\x9f\xeb")
    assert choose("auto", str(vmlinux)).name == "libbpf"


@pytest.mark.parametrize("name", ["bcc", "libbpf"])
def test_what_the_user_wants_is_taken(name: str, tmp_path: Path) -> None:
    assert choose(name, str(tmp_path / "none")).name == name
    assert name in choose(name).why
