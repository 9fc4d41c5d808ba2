"""Another architecture's Python for the guest, out of unpacked packages."""

from pathlib import Path

import pytest

from ktrace.lab.arch import AMD64, ARM64
from ktrace.lab.build import foreign_tree, suites
from ktrace.lab.errors import LabError

pytestmark = pytest.mark.unit


def unpacked(cache: Path) -> Path:
    """What Debian 12's packages have, one file of each kind."""
    tree = cache / "packages" / "arm64"
    for name in (
        "bin/busybox",
        "lib/ld-linux-aarch64.so.1",
        "lib/aarch64-linux-gnu/libc.so.6",
        "usr/bin/python3.11",
        "usr/lib/aarch64-linux-gnu/libbpf.so.1",
        "usr/lib/aarch64-linux-gnu/gconv/UTF-7.so",
        "usr/lib/python3.11/os.py",
        "usr/lib/python3.11/test/regrtest.py",
    ):
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tree


def test_the_guests_usr(tmp_path: Path) -> None:
    tree = unpacked(tmp_path)
    usr = tmp_path / "usr"
    foreign_tree.build(tmp_path, ARM64, usr)
    for name in (
        "bin/python3",
        "lib/ld-linux-aarch64.so.1",
        "lib/aarch64-linux-gnu/libc.so.6",
        "lib/aarch64-linux-gnu/libbpf.so.1",
        "lib/python3.11/os.py",
        "lib/python3/dist-packages/click/__init__.py",
    ):
        assert (usr / name).is_file(), name
    assert not (usr / "lib/python3.11/test").exists()
    assert not (usr / "lib/aarch64-linux-gnu/gconv").exists()
    assert foreign_tree.busybox(tmp_path, ARM64) == tree / "bin/busybox"
    assert tree / "usr/bin/python3.11" in foreign_tree.sources(tmp_path, ARM64)


def test_a_tree_without_what_is_needed(tmp_path: Path) -> None:
    (unpacked(tmp_path) / "bin/busybox").unlink()
    with pytest.raises(LabError, match="no bin/busybox"):
        foreign_tree.busybox(tmp_path, ARM64)


def test_apt_has_directories_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suites, "run_tool", lambda *_, **__: "http://mirror.example/d/ bookworm\n")
    monkeypatch.setattr("os.uname", lambda: type("uname", (), {"machine": "x86_64"}))
    assert suites.suite_options(tmp_path, "", AMD64) == ()
    options = suites.suite_options(tmp_path, "", ARM64)
    home = tmp_path / "apt" / "own@arm64"
    assert f"Dir::State={home}" in options
    assert "APT::Architecture=arm64" in options
    (source,) = (home / "sources.list").read_text().splitlines()
    assert source.startswith("deb [arch=arm64")
    assert source.endswith("http://mirror.example/d/ bookworm main")
