"""What this kernel and this process are allowed: facts for `ktrace doctor`, each asked."""

import os

from ktrace.errors import CannotTrace
from ktrace.kernel.btf import VMLINUX
from ktrace.kernel.btf_file import HOW_TO_MAKE, btf_file
from ktrace.kernel.capabilities import effective
from ktrace.kernel.page_checks import HOW, page_checks
from ktrace.kernel.tracefs import MOUNTS
from ktrace.plural import count
from ktrace.privileges import NEEDS, has, require_tracing
from ktrace.record import record


@record
class Fact:
    """ok None: neither good nor bad."""

    name: str
    value: str
    ok: bool | None = None
    hint: str = ""


def facts() -> list[Fact]:
    return [
        _privilege(),
        _btf(),
        _tracefs(),
        _lockdown(),
        _kptr_restrict(),
        _swap(),
        _page_checks(),
    ]


def _privilege() -> Fact:
    who = "root" if os.geteuid() == 0 else f"uid {os.geteuid()}"
    lacks = [need.capability.name for need in NEEDS if not has(effective(), need.capability)]
    if lacks:
        who += f" without {', '.join(lacks)}"
    try:
        require_tracing()
    except CannotTrace as error:
        return Fact("privilege", who, False, error.hint)
    return Fact("privilege", who, True)


def _btf() -> Fact:
    try:
        size = os.stat(VMLINUX).st_size
    except OSError:
        if file := btf_file():
            return Fact("BTF", f"none of the kernel's own; {file}", True)
        return Fact("BTF", f"no {VMLINUX}, and no file with it", False, HOW_TO_MAKE)
    return Fact("BTF", f"{VMLINUX}, {size / 1e6:.1f} MB", True)


def _tracefs() -> Fact:
    for mount in MOUNTS:
        try:
            mounted = os.path.isdir(f"{mount}/events")
        except OSError:
            mounted = False
        if mounted:
            return Fact("tracefs", mount, True)
    hint = (
        "mount -t tracefs none /sys/kernel/tracing; without it gfp flags are numbers and the "
        "layout of task states is assumed"
    )
    return Fact("tracefs", "not mounted, or not readable", False, hint)


def _lockdown() -> Fact:
    text = _read("/sys/kernel/security/lockdown")  # "none integrity [confidentiality]"
    if text is None:
        return Fact("lockdown", "not known: securityfs has no lockdown file", None)
    mode = text.partition("[")[2].partition("]")[0]
    hint = "BPF may not read kernel memory: the kernel log and /proc still work"
    return Fact("lockdown", mode, mode != "confidentiality", hint)


def _kptr_restrict() -> Fact:
    text = _read("/proc/sys/kernel/kptr_restrict")
    hint = "sysctl kernel.kptr_restrict=1, or stacks show numbers instead of names"
    return Fact("kptr_restrict", text or "?", text != "2", hint)


def _swap() -> Fact:
    lines = (_read("/proc/swaps") or "").splitlines()[1:]
    return Fact("swap", count(len(lines), "area") if lines else "none", None)


def _page_checks() -> Fact:
    checks = page_checks()
    state = {True: "on", False: "off", None: "not known"}[checks.on]
    return Fact("page checks", f"{state}: {checks.why}", checks.on, HOW)


def _read(path: str) -> str | None:
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return None
