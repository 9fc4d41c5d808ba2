"""The guest's first file system: busybox, the lab's scripts, the modules."""

from pathlib import Path

from ktrace.lab.build import foreign_tree
from ktrace.lab.build.cpio import Archive
from ktrace.lab.build.fingerprint import fingerprint
from ktrace.lab.build.image_cache import GUEST_FILES, cached
from ktrace.lab.build.kernel_btf import kernel_btf
from ktrace.lab.build.modules import ModuleTree
from ktrace.lab.build.packages import Kernel
from ktrace.lab.tools import find_tool

BOOT_MODULES = ("virtio_pci", "virtio_blk", "virtio_console")
SCRIPTS = ("agent", "spawn", "spawned", "with-size")
_DIRECTORIES = (
    "bin dev proc sys run tmp usr ktrace workload modules etc root".split()
)  # what init mounts something on, or puts something in


def initramfs(
    cache: Path,
    kernel: Kernel,
    later: tuple[str, ...],
    own: tuple[Path, ...] = (),
    agent: Path | None = None,
) -> Path:
    """Busybox, the lab's scripts, and the modules: loaded at boot, or `later` by the scenario.

    `own` are module files that the lab has compiled, NAME-ANYTHING.ko. `agent`: the
    program, in a guest without Python.
    """
    own_arch = kernel.arch.is_own
    busybox = Path(find_tool("busybox")) if own_arch else foreign_tree.busybox(cache, kernel.arch)
    inputs = [busybox, kernel.modules / "modules.builtin", *GUEST_FILES.iterdir(), *own]
    btf = None if kernel.arch.own_btf or agent else kernel_btf(cache, kernel)
    inputs += [*kernel.replaced, *filter(None, [btf, agent])]
    name = f"{kernel.arch.kind('initramfs')}-{fingerprint(inputs, kernel.release, *later)}.cpio"

    def build(path: Path) -> None:
        archive = Archive()
        _add_programs(archive, busybox)
        _add_modules(archive, kernel, later, own)
        if agent is not None:
            archive.file("bin/ktrace-agent", agent.read_bytes(), mode=0o755)
        if btf is not None:
            _add_btf(archive, kernel, btf)
        path.write_bytes(archive.data())

    return cached(cache, name, build)


def _add_programs(archive: Archive, busybox: Path) -> None:
    for directory in _DIRECTORIES:
        archive.directory(directory)
    archive.link("sbin", "bin")
    for library in ("lib", "lib64"):
        archive.link(library, f"usr/{library}")
    archive.file("bin/busybox", busybox.read_bytes(), mode=0o755)
    archive.file("init", (GUEST_FILES / "init").read_bytes(), mode=0o755)
    for script in SCRIPTS:
        archive.file(f"bin/{script}", (GUEST_FILES / script).read_bytes(), mode=0o755)


def _add_modules(
    archive: Archive, kernel: Kernel, later: tuple[str, ...], own: tuple[Path, ...]
) -> None:
    modules = ModuleTree(kernel.modules, kernel.replaced)
    at_boot = modules.load_order((*BOOT_MODULES, *kernel.arch.more_modules))
    for name in modules.load_order([*at_boot, *later]):
        archive.file(f"modules/{name}.ko", modules.content(name))
    for path in own:
        archive.file(f"modules/{path.name.partition('-')[0]}.ko", path.read_bytes())
    archive.file("modules/at-boot", "".join(f"{name}\n" for name in at_boot).encode())


def _add_btf(archive: Archive, kernel: Kernel, btf: Path) -> None:
    """Where ktrace looks for it."""
    archive.directory("etc/ktrace")
    archive.directory("etc/ktrace/btf")
    archive.file(f"etc/ktrace/btf/{kernel.release}.btf", btf.read_bytes())
