"""BTF and unwind tables for a Debian kernel without BTF: as `ktrace btf make` writes them, of
the kernel's debug package.

The package is large (619 MB of armhf's 6.1): it is fetched once for each release, what is needed of
it is kept, the rest goes.
"""

import shutil
import subprocess
from pathlib import Path

from ktrace.board.make import make
from ktrace.board.unwind_tables import tables
from ktrace.kernel.arm_unwind import FORMAT
from ktrace.lab.build.fingerprint import fingerprint
from ktrace.lab.build.image_cache import cached
from ktrace.lab.build.packages import Apt, Kernel
from ktrace.lab.cache import work_dir
from ktrace.lab.errors import LabError
from ktrace.lab.tools import find_tool, run_tool
from ktrace.package import packaged

_MAKE_S = 900.0
_VMLINUX = "vmlinux.btf"
_MODULE = "squashfs.ko"
_UNWIND = f"format-{FORMAT}.unwind"


def kernel_btf(cache: Path, kernel: Kernel) -> Path:
    """What ktrace reads of that kernel and of squashfs."""
    home = _sources(cache, kernel)
    sources = [home / _VMLINUX, home / _MODULE]
    # what is read depends on ktrace
    name = f"{kernel.arch.kind('btf')}-{fingerprint([*sources, Path(packaged())])}.btf"

    def build(path: Path) -> None:
        path.write_bytes(make(str(sources[0]), [str(sources[1])]).data)

    return cached(cache, name, build)


def kernel_unwind(cache: Path, kernel: Kernel) -> Path:
    """The unwind tables of that kernel and of squashfs, where it has none of its own types: that is
    32-bit ARM, which has no frame pointers."""
    return _sources(cache, kernel) / _UNWIND


def _sources(cache: Path, kernel: Kernel) -> Path:
    """A folder with all types of the kernel, the module with its debug information, and the unwind
    tables of both."""
    home = cache / "btf" / kernel.release
    if not (home / _UNWIND).is_file():
        shutil.rmtree(home, ignore_errors=True)
        home.parent.mkdir(exist_ok=True)
        with work_dir(home.parent) as scratch:
            vmlinux, module = _debug_files(cache, kernel, scratch)
            (scratch / "made").mkdir()
            made = scratch / "made" / _VMLINUX
            command = ["pahole", "-F", "dwarf", f"--btf_encode_detached={made}", str(vmlinux)]
            run_tool(command, timeout=_MAKE_S)
            unwind = tables(str(vmlinux), [str(module)])
            if unwind is None:
                raise LabError(f"no unwind tables in {vmlinux.name}")
            made.with_name(_UNWIND).write_bytes(unwind)
            module.rename(scratch / "made" / _MODULE)
            (scratch / "made").rename(home)
    return home


def _debug_files(cache: Path, kernel: Kernel, scratch: Path) -> tuple[Path, Path]:
    """vmlinux and squashfs.ko of the debug package, which is not kept."""
    Apt(cache, kernel.suite, kernel.arch).download(f"linux-image-{kernel.release}-dbg", scratch)
    (package,) = scratch.glob("*.deb")
    debug = "./usr/lib/debug"
    vmlinux = f"{debug}/boot/vmlinux-{kernel.release}"
    module = f"{debug}/lib/modules/{kernel.release}/kernel/fs/squashfs/{_MODULE}"
    extract(package, scratch, vmlinux, module)
    package.unlink()
    return scratch / vmlinux, scratch / module


def extract(package: Path, into: Path, *members: str) -> None:
    """These files of a package and no others, without unpacking it whole."""
    reader = [find_tool("dpkg-deb"), "--fsys-tarfile", str(package)]
    with subprocess.Popen(reader, stdout=subprocess.PIPE) as archive:
        writer = [find_tool("tar"), "-x", "-C", str(into), *members]
        done = subprocess.run(writer, stdin=archive.stdout, capture_output=True, text=True)
    if archive.returncode or done.returncode:
        raise LabError(f"{package.name} lacks {' or '.join(members)}", details=done.stderr)
