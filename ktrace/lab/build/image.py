"""The guest's disks, each built once and kept in the cache until what it is made of changes."""

import random
from importlib import metadata
from pathlib import Path

from ktrace.lab.arch import AMD64, Arch
from ktrace.lab.build import bcc_tree, foreign_tree, python_tree
from ktrace.lab.build.fingerprint import fingerprint
from ktrace.lab.build.host_tools import make_runnable
from ktrace.lab.build.image_cache import GUEST_FILES, cached
from ktrace.lab.build.packages import Apt, Kernel, debian_headers
from ktrace.lab.errors import LabError
from ktrace.lab.tools import run_tool

ROOT_MOUNTS = ("dev", "proc", "run", "sys", "tmp")
_KIB = 1024
_BUILD_S = 300.0
# The kernel of a later suite may be made by a gcc that has -fmin-function-alignment (14)
_OLDER_GCC = ("CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=",)


def system_disk(cache: Path, arch: Arch = AMD64) -> Path:
    """The guest's /usr: Python with everything but ktrace."""
    sources = python_tree.sources() if arch.is_own else foreign_tree.sources(cache, arch)
    name = f"{arch.kind('system')}-{fingerprint(sources)}.ext4"

    def build(path: Path) -> None:
        tree = path.parent / "usr"
        if arch.is_own:
            python_tree.build(tree)
        else:
            foreign_tree.build(cache, arch, tree)
        _ext4(tree, path)

    return cached(cache, name, build)


def bcc_system_disk(cache: Path, kernel: Kernel) -> Path:
    """The guest's /usr as system_disk() makes it, with bcc and the kernel's headers."""
    headers = debian_headers(cache, kernel).parents[2]
    inputs = [*python_tree.sources(), *bcc_tree.sources()]
    name = f"bccsystem-{fingerprint(inputs, kernel.release)}.ext4"

    def build(path: Path) -> None:
        tree = path.parent / "usr"
        python_tree.build(tree)
        bcc_tree.build(tree, headers)
        _ext4(tree, path)

    return cached(cache, name, build)


def ktrace_disk(cache: Path) -> Path:
    """The guest's /ktrace: the package that is running now, its BPF objects included."""
    package = _package()
    name = f"ktrace-{fingerprint([package])}.ext4"

    def build(path: Path) -> None:
        tree = path.parent / "ktrace"
        _copy_package(package, tree)
        _ext4(tree, path)

    return cached(cache, name, build)


def _package() -> Path:
    package = python_tree.module_path("ktrace")
    if package is None:
        raise LabError("cannot find the ktrace package that is running")
    return package


def _copy_package(package: Path, tree: Path) -> None:
    tree.mkdir()
    python_tree.copy_module(package, tree)
    _copy_own_metadata(tree)


def workload_disk(cache: Path, arch: Arch, groups: str, files: int, kibibytes: int) -> Path:
    """A squashfs: the workload program, and `files` data files for each letter of `groups`.

    Files that are smaller than a block share fragment blocks in the order of their names. The
    sizes are to be such that one group fills one fragment block: then all files of a group
    come with one read of the disk, into one entry of squashfs's cache.
    """
    source = GUEST_FILES / "workload.c"
    made_of = fingerprint([source], groups, str(files), str(kibibytes))
    name = f"{arch.kind('workload')}-{made_of}.squashfs"

    def build(path: Path) -> None:
        tree = path.parent / "workload"
        tree.mkdir()
        _compile(source, tree / "workload", arch)
        noise = random.Random(0)
        for group in groups:
            for number in range(files):
                content = noise.randbytes(kibibytes * _KIB)
                (tree / f"{group}{number}").write_bytes(content)
        # blocks as OpenWrt has them: of 1 MiB each three would be much of a small guest's memory
        _squashfs(tree, path, block="256K")

    return cached(cache, name, build)


def thrash_disk(cache: Path, programs: int, kibibytes: int) -> Path:
    """A squashfs: thrash, and copies of it named 0, 1, ..., made so large with noise, each of its
    own so that squashfs does not store them once."""
    source = GUEST_FILES / "thrash.c"
    name = f"thrash-{fingerprint([source], str(programs), str(kibibytes))}.squashfs"

    def build(path: Path) -> None:
        tree = path.parent / "workload"
        _thrash_programs(tree, programs, kibibytes)
        _squashfs(tree, path)

    return cached(cache, name, build)


def pages_disk(cache: Path, programs: int, kibibytes: int, block: str) -> Path:
    """As thrash_disk(), of blocks of that size, with programs that can be compressed."""
    source = GUEST_FILES / "thrash.c"
    name = f"pages_{block}-{fingerprint([source], str(programs), str(kibibytes))}.squashfs"

    def build(path: Path) -> None:
        tree = path.parent / "workload"
        _thrash_programs(tree, programs, kibibytes, compressible=True)
        _squashfs(tree, path, compression="gzip", block=block)

    return cached(cache, name, build)


def root_disk(cache: Path, programs: int, kibibytes: int) -> Path:
    """A squashfs to be the root: Python, ktrace, and in /programs what thrash_disk() has."""
    source, package = GUEST_FILES / "thrash.c", _package()
    inputs = [source, package, *python_tree.sources()]
    name = f"root-{fingerprint(inputs, str(programs), str(kibibytes))}.squashfs"

    def build(path: Path) -> None:
        tree = path.parent / "root"
        python_tree.build(tree / "usr")
        _copy_package(package, tree / "ktrace")
        python_tree.compile_all(tree)
        for directory in ROOT_MOUNTS:
            (tree / directory).mkdir()
        for library in ("lib", "lib64"):
            (tree / library).symlink_to(f"usr/{library}")
        (tree / "bin").symlink_to("usr/bin")
        _thrash_programs(tree / "programs", programs, kibibytes)
        _squashfs(tree, path, compression="gzip")  # a guest would take minutes to unpack xz

    return cached(cache, name, build)


def _thrash_programs(
    tree: Path, programs: int, kibibytes: int, *, compressible: bool = False
) -> None:
    tree.mkdir()
    _compile(GUEST_FILES / "thrash.c", tree / "thrash", AMD64)
    program = (tree / "thrash").read_bytes()
    noise = random.Random(0)
    for number in range(programs):
        copy = tree / str(number)
        left = kibibytes * _KIB - len(program)
        more = noise.randbytes(left // 2).hex().encode() if compressible else noise.randbytes(left)
        copy.write_bytes(program + more)
        copy.chmod(0o755)


def own_module(cache: Path, kernel: Kernel, name: str) -> Path:
    """guest_files/NAME.c, compiled for that kernel with its headers."""
    source = GUEST_FILES / f"{name}.c"

    def build(path: Path) -> None:
        scratch = path.parent
        (scratch / source.name).write_bytes(source.read_bytes())
        (scratch / "Makefile").write_text(f"obj-m := {name}.o\n")
        headers = debian_headers(cache, kernel)
        make_runnable(headers.parents[2], Apt(cache, kernel.suite))
        run_tool(
            ["make", "-C", str(headers), f"M={scratch}", "CC=gcc"]
            # its BTF would need pahole, and vmlinux, which the headers do not have
            + ["CONFIG_DEBUG_INFO_BTF_MODULES=", *_OLDER_GCC, "modules"],
            timeout=_BUILD_S,
        )
        (scratch / f"{name}.ko").rename(path)

    return cached(cache, f"{name}-{fingerprint([source], kernel.release)}.ko", build)


def program_disk(cache: Path, arch: Arch, *programs: str) -> Path:
    """An ext4 with programs of the lab's guest_files, by the names of their sources."""
    sources = [GUEST_FILES / f"{program}.c" for program in programs]
    name = f"{arch.kind('program_' + '_'.join(programs))}-{fingerprint(sources)}.ext4"

    def build(path: Path) -> None:
        tree = path.parent / "program"
        tree.mkdir()
        for source in sources:
            _compile(source, tree / source.stem, arch)
        _ext4(tree, path)

    return cached(cache, name, build)


def _copy_own_metadata(tree: Path) -> None:
    try:
        python_tree.copy_metadata("ktrace", tree)
    except metadata.PackageNotFoundError:
        pass  # a checkout, not an installation


def _compile(source: Path, program: Path, arch: Arch) -> None:
    run_tool(
        [arch.compiler, "-static", "-O2", "-Wall", "-s", "-o", str(program), str(source)],
        timeout=_BUILD_S,
    )


def _squashfs(tree: Path, image: Path, compression: str = "xz", block: str = "1M") -> None:
    run_tool(
        ["mksquashfs", str(tree), str(image), "-b", block, "-comp", compression, "-all-root"]
        + ["-noappend", "-no-progress", "-quiet"],
        timeout=_BUILD_S,
    )


def _ext4(tree: Path, image: Path) -> None:
    """An ext4 image of a tree of Python files, with room for nothing else: it is read-only."""
    python_tree.compile_all(tree)
    files = [path for path in tree.rglob("*") if path.is_file()]
    blocks = sum(path.stat().st_size // (4 * _KIB) + 1 for path in files)
    size_kib = blocks * 4 * 5 // 4 + 8 * _KIB
    run_tool(
        ["mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-m", "0"]
        + ["-O", "^has_journal,^resize_inode", "-N", str(len(files) * 2 + 256)]
        + ["-d", str(tree), str(image), f"{size_kib}k"],
        timeout=_BUILD_S,
    )
