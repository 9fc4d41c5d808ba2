"""Types of a kernel without BTF, for the guest: what is fetched, and what is kept."""

import subprocess
from pathlib import Path

import pytest

from ktrace.lab.arch import ARMHF
from ktrace.lab.build import kernel_btf
from ktrace.lab.build.packages import Kernel
from ktrace.lab.errors import LabError

pytestmark = pytest.mark.unit

RELEASE = "6.1.0-50-armmp"
VMLINUX = f"usr/lib/debug/boot/vmlinux-{RELEASE}"
MODULE = f"usr/lib/debug/lib/modules/{RELEASE}/kernel/fs/squashfs/squashfs.ko"
OTHER = f"usr/lib/debug/lib/modules/{RELEASE}/kernel/fs/ext4/ext4.ko"


def package(folder: Path, *members: str) -> Path:
    """A Debian package with these files."""
    tree = folder / "package"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x.example>\nDescription: x\n"
    )
    for name in members:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(name)
    subprocess.run(["dpkg-deb", "-b", tree, folder / "x.deb"], check=True, capture_output=True)
    return folder / "x.deb"


def test_only_what_is_wanted_is_unpacked(tmp_path: Path) -> None:
    made = package(tmp_path, VMLINUX, MODULE, OTHER)
    into = tmp_path / "into"
    into.mkdir()
    kernel_btf.extract(made, into, f"./{VMLINUX}", f"./{MODULE}")
    assert (into / VMLINUX).read_text() == VMLINUX
    assert (into / MODULE).is_file()
    assert not (into / OTHER).exists()
    with pytest.raises(LabError, match=r"x\.deb lacks \./other"):
        kernel_btf.extract(made, into, "./other")


def test_the_package_is_fetched_once_and_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = []

    class Apt:
        def __init__(self, *_: object) -> None: ...

        def download(self, name: str, directory: Path) -> None:
            fetched.append(name)
            package(directory, VMLINUX, MODULE, OTHER)

    def pahole(command: list[str], timeout: float) -> str:
        Path(command[3].partition("=")[2]).write_text("types of " + Path(command[4]).read_text())
        return ""

    monkeypatch.setattr(kernel_btf, "Apt", Apt)
    monkeypatch.setattr(kernel_btf, "run_tool", pahole)
    monkeypatch.setattr(kernel_btf, "tables", lambda vmlinux, modules: b"tables")
    kernel = Kernel(tmp_path / "vmlinuz", tmp_path / RELEASE, arch=ARMHF)
    for _ in range(2):
        home = kernel_btf._sources(tmp_path, kernel)
    assert fetched == [f"linux-image-{RELEASE}-dbg"]
    assert [path.name for path in (tmp_path / "btf").iterdir()] == [RELEASE]
    unwind = kernel_btf.kernel_unwind(tmp_path, kernel)
    assert {path.name for path in home.iterdir()} == {"vmlinux.btf", "squashfs.ko", unwind.name}
    assert unwind.read_bytes() == b"tables"
    assert fetched == [f"linux-image-{RELEASE}-dbg"]
    assert (home / "vmlinux.btf").read_text() == f"types of {VMLINUX}"
