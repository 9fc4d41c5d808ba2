"""The kernel headers with which bcc compiles, and what is to be known about them.

bcc takes any kernel's headers: with another kernel's its programs load and send garbage. So they
are the running kernel's by its release, or are made from the running kernel's own BTF; in both
cases the loader then checks what a program reads about a task that it knows (bcc_loader.py).
"""

import os
import re
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ktrace.errors import CannotTrace
from ktrace.kernel.btf import VMLINUX
from ktrace.kernel.btf_members import Members
from ktrace.probes.bcc_btf_headers import generate

MODULES = "/lib/modules"
KHEADERS = "/sys/kernel/kheaders.tar.xz"  # CONFIG_IKHEADERS; its module is kheaders
_HINT = (
    "install the headers of the running kernel: linux-headers-$(uname -r) (Debian, Ubuntu), "
    "kernel-devel (Fedora), linux-headers (Arch)"
)


@dataclass(slots=True)
class Headers:
    """Where bcc finds the headers, and the macros that tell the programs what is in them."""

    origin: str  # for doctor
    kernel_source: str | None  # BCC_KERNEL_SOURCE; None: bcc finds them itself
    macros: list[str]
    temporary: tempfile.TemporaryDirectory[str] | None = None

    def drop(self) -> None:
        """After compiling nobody needs them any more."""
        if self.temporary:
            self.temporary.cleanup()
            self.temporary = None


def find_headers(
    release: str, modules: str = MODULES, kheaders: str = KHEADERS, vmlinux: str = VMLINUX
) -> Headers:
    """The running kernel's own headers, else a set made from its BTF. Raises CannotTrace."""
    build = Path(modules, release, "build")
    if build.is_dir():
        check_release(build, release)
        return Headers(str(build), None, macros_of_headers(_folders(build)))
    if os.path.exists(kheaders):
        return _from_kheaders(kheaders, release)
    if os.path.exists(vmlinux):
        return _from_btf(release)
    raise CannotTrace(
        f"bcc needs kernel headers, and there are none: not {build}, not {kheaders}, "
        f"nor BTF in {vmlinux} from which they could be made",
        hint=_HINT,
    )


def check_release(tree: Path, release: str) -> None:
    """Raises CannotTrace unless the headers in tree are those of the kernel of that release."""
    file = tree / "include" / "generated" / "utsrelease.h"
    try:
        text = file.read_text(errors="replace")
    except OSError:
        raise CannotTrace(
            f"the headers in {tree} do not say of which kernel they are: cannot read {file}",
            hint=_HINT,
        ) from None
    found = re.search(r'#define\s+UTS_RELEASE\s+"([^"]*)"', text)
    if found is None or found[1] != release:
        theirs = found[1] if found else "an unknown kernel"
        raise CannotTrace(
            f"the headers in {tree} are those of {theirs}, but {release} is running: "
            "bcc would read garbage",
            hint=_HINT,
        )


def _folders(build: Path) -> list[Path]:
    """Distributions split headers: what is generated in build, the rest in source beside it."""
    source = build.parent / "source"
    return [tree for tree in (build, source) if tree.is_dir()]


def _from_kheaders(archive: str, release: str) -> Headers:
    folder = tempfile.TemporaryDirectory(prefix="ktrace-kheaders-")
    try:
        with tarfile.open(archive) as headers:
            headers.extractall(folder.name)  # from the running kernel itself
        check_release(Path(folder.name), release)
    except (tarfile.TarError, OSError) as error:
        folder.cleanup()
        raise CannotTrace(f"cannot unpack {archive}: {error}", hint=_HINT) from None
    except BaseException:
        folder.cleanup()
        raise
    return Headers(archive, folder.name, macros_of_headers([Path(folder.name)]), folder)


# macro -> the header that tells, and what it says then; members moved, see bpf/kernel.h
_TOLD_BY = {
    "HAVE_TASK___STATE": ("linux/sched.h", r"\b__state;"),
    "HAVE_TASK_START_BOOTTIME": ("linux/sched.h", r"\bstart_boottime;"),
    "HAVE_SIGNAL_CORE_STATE": ("linux/sched/signal.h", r"\bcore_state;"),
    "HAVE_SIGNAL_OOM_MM": ("linux/sched/signal.h", r"\boom_mm;"),
    "HAVE_KERNFS___PARENT": ("linux/kernfs.h", r"\b__parent;"),
    "HAVE_RSS_PERCPU": ("linux/mm_types.h", r"struct\s+percpu_counter\s+rss_stat\b"),
    "HAVE_PGTABLES_BYTES": ("linux/mm_types.h", r"\bpgtables_bytes;"),
    "HAVE_OC_CONSTRAINT": ("linux/oom.h", r"\benum oom_constraint constraint;"),
    "HAVE_KERNEL_SIGINFO": ("linux/signal_types.h", r"kernel_siginfo\b"),
    "HAVE_SWITCH_PREV_STATE": (
        "trace/events/sched.h",
        r"TRACE_EVENT\(sched_switch,\s*TP_PROTO\([^)]*\bprev_state\b",
    ),
    "HAVE_MARK_VICTIM_TASK": (
        "trace/events/oom.h",
        r"TRACE_EVENT\(mark_victim,\s*TP_PROTO\(\s*struct task_struct\b",
    ),
}
# macro -> an option of the kernel's configuration
_CONFIGURED = {"HAVE_TASK_ON_CPU": "CONFIG_SMP", "HAVE_MEMCG": "CONFIG_MEMCG"}


def macros_of_headers(trees: list[Path]) -> list[str]:
    """What the headers have, by their text; names of macros."""
    found = [
        macro
        for macro, (header, pattern) in _TOLD_BY.items()
        if re.search(pattern, _text(trees, header))
    ]
    options = _text(trees, "generated/autoconf.h")
    return found + [
        macro
        for macro, option in _CONFIGURED.items()
        if re.search(rf"#define {option} 1\b", options)
    ]


def _text(trees: list[Path], header: str) -> str:
    for tree in trees:
        try:
            return (tree / "include" / header).read_text(errors="replace")
        except OSError:
            continue
    return ""


def _from_btf(release: str) -> Headers:
    kernel = Members.of_kernel()
    try:
        files, macros = generate(kernel, release)
    finally:
        kernel.close()
    folder = tempfile.TemporaryDirectory(prefix="ktrace-headers-")
    for name, text in files.items():
        path = Path(folder.name, "include", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    # the folders that bcc names to the compiler must be there, even if empty
    return Headers(f"made from {VMLINUX}", folder.name, macros, folder)
