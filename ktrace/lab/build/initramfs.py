"""The guest's first file system: busybox, the lab's scripts, the modules."""

from pathlib import Path

from ktrace.lab.build import foreign_tree
from ktrace.lab.build.cpio import Archive
from ktrace.lab.build.fingerprint import fingerprint
from ktrace.lab.build.image_cache import GUEST_FILES, cached
from ktrace.lab.build.kernel_btf import kernel_btf, kernel_unwind
from ktrace.lab.build.modules import ModuleTree
from ktrace.lab.build.packages import Kernel
from ktrace.lab.tools import find_tool

BOOT_MODULES = ("virtio_pci", "virtio_blk", "virtio_console")
SCRIPTS = ("agent", "spawn", "spawned", "with-size")
TYPES = "etc/ktrace/btf"
_DIRECTORIES = (
    f"bin dev proc sys run tmp usr ktrace workload modules etc etc/ktrace {TYPES} root".split()
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
    types = _types(cache, kernel) if agent is None else {}
    inputs += [*kernel.replaced, *types.values(), *filter(None, [agent])]
    # the disk with ktrace, which needs more of them, is not there with an agent
    at_boot = BOOT_MODULES if agent else (*BOOT_MODULES, *kernel.arch.more_modules)
    made_of = fingerprint(inputs, kernel.release, *at_boot, *later)
    name = f"{kernel.arch.kind('initramfs')}-{made_of}.cpio"

    def build(path: Path) -> None:
        archive = Archive()
        _add_programs(archive, busybox)
        _add_modules(archive, kernel, at_boot, later, own)
        if agent is not None:
            archive.file("bin/ktrace-agent", agent.read_bytes(), mode=0o755)
        for file, source in types.items():
            archive.file(f"{TYPES}/{file}", source.read_bytes())
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
    archive: Archive,
    kernel: Kernel,
    at_boot: tuple[str, ...],
    later: tuple[str, ...],
    own: tuple[Path, ...],
) -> None:
    modules = ModuleTree(kernel.modules, kernel.replaced)
    first = modules.load_order(at_boot)
    for name in modules.load_order([*first, *later]):
        archive.file(f"modules/{name}.ko", modules.content(name))
    for path in own:
        archive.file(f"modules/{path.name.partition('-')[0]}.ko", path.read_bytes())
    archive.file("modules/at-boot", "".join(f"{name}\n" for name in first).encode())


def _types(cache: Path, kernel: Kernel) -> dict[str, Path]:
    """What ktrace looks for in /etc/ktrace/btf, of a kernel without BTF."""
    if kernel.arch.own_btf:
        return {}
    return {
        f"{kernel.release}.btf": kernel_btf(cache, kernel),
        f"{kernel.release}.unwind": kernel_unwind(cache, kernel),
    }
