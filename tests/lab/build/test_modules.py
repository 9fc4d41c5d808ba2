"""The order in which modules can be loaded."""

import lzma
from pathlib import Path

import pytest

from ktrace.errors import UsageError
from ktrace.lab.build.modules import ModuleTree, dependencies, module_name
from ktrace.lab.errors import LabError

pytestmark = pytest.mark.unit


def elf(depends: str) -> bytes:
    return b"\x7fELF...\0license=GPL\0depends=" + depends.encode() + b"\0retpoline=Y\0"


@pytest.fixture
def tree(tmp_path: Path) -> ModuleTree:
    drivers = tmp_path / "kernel" / "drivers"
    drivers.mkdir(parents=True)
    (drivers / "virtio_ring.ko").write_bytes(elf(""))
    (drivers / "virtio.ko").write_bytes(elf("virtio_ring"))
    (drivers / "virtio_pci.ko").write_bytes(elf("virtio,virtio-pci-modern-dev,ext4"))
    (drivers / "virtio-pci-modern-dev.ko.xz").write_bytes(lzma.compress(elf("")))
    (tmp_path / "modules.builtin").write_text("kernel/fs/ext4/ext4.ko\n")
    return ModuleTree(tmp_path)


def test_dependencies_come_first_and_once(tree: ModuleTree) -> None:
    order = tree.load_order(["virtio_pci", "virtio"])
    assert order == ["virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci"]


def test_built_in_modules_are_left_out(tree: ModuleTree) -> None:
    assert tree.load_order(["ext4"]) == []


def test_compressed_modules_are_unpacked(tree: ModuleTree) -> None:
    assert tree.content("virtio_pci_modern_dev") == elf("")


def test_missing_module(tree: ModuleTree) -> None:
    with pytest.raises(LabError, match="no module squashfs"):
        tree.load_order(["squashfs"])


@pytest.mark.parametrize(
    ("data", "names"),
    [(elf(""), []), (elf("a,b-c"), ["a", "b_c"]), (b"no such field", []), (b"depends=a\0", ["a"])],
)
def test_dependencies(data: bytes, names: list[str]) -> None:
    assert dependencies(data) == names


def test_module_name() -> None:
    assert module_name(Path("kernel/crypto/crc32c-intel.ko.xz")) == "crc32c_intel"


def magic(release: str, name: str = "m") -> bytes:
    return elf("") + f"vermagic={release} SMP mod_unload \0name={name}\0".encode()


@pytest.fixture
def squashfs(tmp_path: Path) -> tuple[Path, Path]:
    """A kernel's modules, and a squashfs.ko of somebody's own."""
    modules, own = tmp_path / "6.1", tmp_path / "own" / "squashfs.ko"
    modules.mkdir()
    own.parent.mkdir()
    (modules / "squashfs.ko.xz").write_bytes(lzma.compress(magic("6.1", "stock")))
    own.write_bytes(magic("6.1", "patched"))
    return modules, own


def test_a_module_of_the_users_replaces_the_kernels(squashfs: tuple[Path, Path]) -> None:
    modules, own = squashfs
    assert ModuleTree(modules, [own]).content("squashfs") == own.read_bytes()


def test_a_module_for_another_kernel_is_refused(squashfs: tuple[Path, Path]) -> None:
    modules, own = squashfs
    own.write_bytes(magic("6.2"))
    with pytest.raises(UsageError, match=r"'6\.2 SMP mod_unload', not '6\.1 SMP mod_unload'"):
        ModuleTree(modules, [own])


def test_a_module_that_the_kernel_does_not_have(squashfs: tuple[Path, Path]) -> None:
    modules, own = squashfs
    with pytest.raises(UsageError, match="has no module erofs"):
        ModuleTree(modules, [own.rename(own.with_name("erofs.ko"))])
