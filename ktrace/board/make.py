"""The file with a board's types, from what the build of its kernel left: `ktrace btf make`."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence

from ktrace.board.asked_btf import AskedBtf
from ktrace.board.btf_cut import cut
from ktrace.board.questions import ask, of_programs
from ktrace.board.unwind_tables import tables
from ktrace.errors import CannotTrace, UsageError
from ktrace.kernel.libbpf import LibbpfError
from ktrace.record import record

_PAHOLE_S = 600.0
_DEBUG_INFO = (
    "vmlinux and modules as the linker wrote them (no zImage, not stripped), of a kernel with "
    "CONFIG_DEBUG_INFO=y or CONFIG_DEBUG_INFO_BTF=y"
)


@record
class Made:
    data: bytes
    word_bytes: int  # of that kernel's pointers and longs
    has_squashfs: bool
    unwind: bytes | None  # unwind tables, of a kernel that has no frame pointers


def make(vmlinux: str, modules: Sequence[str]) -> Made:
    """Raises UsageError for files that have no types, CannotTrace where pahole is missing."""
    with tempfile.TemporaryDirectory(prefix="ktrace-btf-") as folder:
        kernel = _types_of(vmlinux, folder)
        if kernel.tracepoint_arguments("sched_switch") is None:
            raise UsageError(f"{vmlinux} has no tracepoints: it is no kernel", hint=_DEBUG_INFO)
        sources = [kernel, *(_types_of(module, folder, kernel) for module in modules)]
    types, members = of_programs()
    for source in sources:
        ask(source)
        types |= source.asked_types
        members |= source.asked_members
    has_squashfs = any(source.has_struct("squashfs_cache") for source in sources)
    made = Made(
        cut(sources, types, members), kernel.word_bytes(), has_squashfs, _unwind(vmlinux, modules)
    )
    for source in reversed(sources):
        source.close()
    return made


def _unwind(vmlinux: str, modules: Sequence[str]) -> bytes | None:
    try:
        return tables(vmlinux, modules)
    except (OSError, ValueError, LookupError, StopIteration) as error:
        raise UsageError(f"the unwind tables cannot be read: {error}", hint=_DEBUG_INFO) from None


def _types_of(path: str, folder: str, kernel: AskedBtf | None = None) -> AskedBtf:
    """A kernel's own BTF, or what pahole makes of debug information. A module's own BTF is less: it
    needs that of the very kernel beneath it."""
    if not os.path.isfile(path):
        raise UsageError(f"{path} is no file")
    if kernel is None:
        try:
            return AskedBtf.of_file(path)
        except LibbpfError:
            pass
    made = os.path.join(folder, "made.btf")
    why = _encode(path, made)
    try:
        if not why:
            return AskedBtf.of_file(made)
        if kernel is not None:
            return AskedBtf.of_module_file(path, kernel)
    except LibbpfError as error:
        why = why or str(error)
    raise UsageError(f"{path} has no types that can be read: {why}", hint=_DEBUG_INFO)


def _encode(path: str, made: str) -> str:
    """Have pahole write BTF; why it could not."""
    pahole = shutil.which("pahole")
    if pahole is None:
        raise CannotTrace(
            f"{path} has no BTF of its own, and pahole is not installed, which makes it",
            hint="Debian, Ubuntu: pahole; Fedora: dwarves; Arch: pahole",
        )
    try:
        done = subprocess.run(
            [pahole, "-F", "dwarf", f"--btf_encode_detached={made}", path],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PAHOLE_S,
        )
    except subprocess.TimeoutExpired:
        return f"pahole took more than {_PAHOLE_S:.0f} s"
    if done.returncode == 0 and os.path.exists(made) and os.path.getsize(made):
        return ""
    return done.stderr.strip() or "pahole found no debug information"
