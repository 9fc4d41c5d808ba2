"""Sleeps in modules that are not the kernel's own."""

from pathlib import Path

import pytest

from ktrace.kernel.word_width import WIDTH_64
from ktrace.waits import foreign_modules
from ktrace.waits.foreign_modules import foreign_module
from ktrace.waits.kinds.driver import KIND
from ktrace.waits.sleeper import Sleeper
from tests.waits.heap import Heap

pytestmark = pytest.mark.unit


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(foreign_modules, "_MODULES", tmp_path)
    for name, taint, version in (
        ("nvidia", "POE", "550.54"),
        ("zfs", "O", ""),
        ("ext4", "", ""),
        ("local", "E", ""),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "taint").write_text(f"{taint}\n")
        if version:
            (tmp_path / name / "version").write_text(f"{version}\n")
    return tmp_path


def sleeper(*in_modules: tuple[str, str]) -> Sleeper:
    return Sleeper(1, 11, 11, "app", (), 0, b"", WIDTH_64, in_modules)


def test_module_version_and_taints(modules: Path) -> None:
    found = KIND.read(sleeper(("nv_wait", "nvidia"), ("ext4_read", "ext4")), Heap().kernel)
    assert found
    assert found.detail == (
        "nv_wait() of the proprietary, out-of-tree, unsigned module nvidia 550.54 (taints P, O, E)"
    )
    assert found.target == "nvidia 550.54"


def test_a_foreign_module_beneath_the_kernels_own(modules: Path) -> None:
    found = KIND.read(sleeper(("ext4_read", "ext4"), ("zpl_read", "zfs")), Heap().kernel)
    assert found
    assert found.detail == "zpl_read() of the out-of-tree module zfs (taints O)"


@pytest.mark.parametrize("name", ["ext4", "local", "gone", ""])
def test_the_kernels_own(modules: Path, name: str) -> None:
    """An unsigned module alone may be the distribution's own."""
    assert foreign_module(name) is None
