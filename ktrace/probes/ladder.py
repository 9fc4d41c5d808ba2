"""Which hook a function can take on this kernel: each rung is tried, not guessed from a version.

A program's section name says hook and function ("fentry/bad_page"); programs of one function are
the rungs of its ladder, best first, in the order in which they stand in the BPF object.
"""

import ctypes
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from ktrace.kernel.btf import Btf
from ktrace.kernel.built_in import is_built_in
from ktrace.kernel.libbpf import lib
from ktrace.probes.catalog import purpose
from ktrace.record import record

KPROBE_PMU = "/sys/bus/event_source/devices/kprobe/type"

RETURN = ":return"  # a function's entry and return are hooked, and may fail, each on its own
_RETURN_HOOKS = ("fexit", "kretprobe")

WALK = "walk"  # the hook of a program that is attached to nothing: ktrace/probes/task_walk.py
_WALK_PROGRAM = "walk_"  # its name's beginning
_NEED_KERNEL_BTF = ("fentry", "fexit", "tp_btf", "iter")

# arch/arm/kernel/unwind.c does not know that a kretprobe has put a trampoline in place of a return
# address: the kernel's own report of an OOM kill would end at out_of_memory()
_CUTS_TRACES = "on 32-bit ARM it would cut the kernel's own stack traces"

_PROG_TYPE_TRACING = 26  # enum bpf_prog_type
_TRACE_FENTRY = 24  # enum bpf_attach_type
_PROG_TYPE_RAW_TRACEPOINT = 17
_RETURN_0 = bytes.fromhex("b7000000000000009500000000000000")  # r0 = 0; exit
# bpf_probe_read_kernel(r10 - 8, 8, 0); return 0
_READ_KERNEL = bytes.fromhex(
    "bfa1000000000000 07010000f8ffffff b702000008000000 b703000000000000 8500000071000000"
)


@record
class Rung:
    """One program: a way to hook a function."""

    program: str
    hook: str
    function: str  # with RETURN behind it where the hook is on the function's return

    @property
    def target(self) -> str:
        """What the kernel calls the function."""
        return self.function.removesuffix(RETURN)


@dataclass(slots=True)
class Ladder:
    """The rungs of one function and what is known against each."""

    function: str
    rungs: list[Rung]
    refused: dict[str, str] = field(default_factory=dict)  # hook -> why not

    def best(self) -> Rung | None:
        """The first rung that nothing speaks against."""
        return next((rung for rung in self.rungs if rung.hook not in self.refused), None)

    def why_not(self) -> str:
        return "; ".join(f"{hook}: {why}" for hook, why in self.refused.items())


def rung_of(program: str, section: str) -> Rung:
    hook, _, function = section.partition("/")
    if program.startswith(_WALK_PROGRAM):
        hook = WALK
    return Rung(program, hook, function + RETURN * (hook in _RETURN_HOOKS))


def ladders(rungs: list[Rung]) -> Iterator[Ladder]:
    """Grouped by function, order kept."""
    for function in dict.fromkeys(rung.function for rung in rungs):
        yield Ladder(function, [rung for rung in rungs if rung.function == function])


class KernelHooks:
    """What the running kernel can hook. Answers are reasons why not; "" where nothing is known
    against it (attaching still has the last word)."""

    def __init__(self, btf: Btf, btf_file: str = "") -> None:
        """btf_file: where btf comes from, when it is not the kernel's own."""
        self._btf = btf
        self.btf_file = btf_file

    def present(self, function: str) -> bool:
        """Is the function in the kernel image, or its module loaded?"""
        module = purpose(function).module
        if not module or module_instance(module) is not None:
            return True
        if self._btf.function(function) is None:
            return False
        # a file has the types of modules, too, loaded or not
        return not self.btf_file or is_built_in(function)

    def refusal(self, rung: Rung) -> str:
        if self.btf_file and rung.hook in _NEED_KERNEL_BTF:
            return "needs the kernel's own BTF"
        if rung.hook in ("fentry", "fexit"):
            return self._refuses_fentry(rung.target)  # they are refused alike
        if rung.hook == "kretprobe" and self._btf.word_bytes() == 4:
            return _CUTS_TRACES
        if rung.hook in ("kprobe", "kretprobe"):
            return "" if os.path.exists(KPROBE_PMU) else "this kernel has no kprobes"
        if rung.hook in ("tp_btf", "raw_tp"):
            known = self._btf.tracepoint_arguments(rung.function) is not None
            return "" if known else "this kernel has no such tracepoint"
        if rung.hook == "iter":
            known = self._btf.has_struct(f"bpf_iter__{rung.function}")
            return "" if known else "this kernel has no task iterator (v5.8, eaaacd23910f)"
        return ""

    def _refuses_fentry(self, function: str) -> str:
        """Load and attach an empty program: only that tells (permission, ftrace, architecture)."""
        type_id = self._btf.function(function)
        if type_id is None:
            # a module's function has its BTF id in the module's own BTF: libbpf finds it
            return "" if purpose(function).module else "the function is not in the kernel's BTF"
        program = _load(
            _PROG_TYPE_TRACING,
            _RETURN_0,
            expected_attach_type=_TRACE_FENTRY,
            attach_btf_id=type_id,
        )
        if program < 0:
            return f"the kernel refuses to load it: {os.strerror(ctypes.get_errno())}"
        link = lib().bpf_raw_tracepoint_open(None, program)
        why = "" if link >= 0 else f"cannot attach: {os.strerror(ctypes.get_errno())}"
        for fd in (link, program):
            if fd >= 0:
                os.close(fd)
        return why


def may_read_kernel_memory() -> bool:
    """Not under lockdown=confidentiality: bpf_tracing_func_proto() of kernel/trace/bpf_trace.c
    then knows no bpf_probe_read_kernel()."""
    program = _load(_PROG_TYPE_RAW_TRACEPOINT, _READ_KERNEL + _RETURN_0)
    if program >= 0:
        os.close(program)
    return program >= 0


def _load(program_type: int, instructions: bytes, **options: int) -> int:
    """The descriptor of a program made of these instructions, or negative, errno set."""
    settings = _ProgLoadOptions(sz=ctypes.sizeof(_ProgLoadOptions), **options)
    count = len(instructions) // 8
    return int(
        lib().bpf_prog_load(
            program_type, b"ktrace_trial", b"GPL", instructions, count, ctypes.byref(settings)
        )
    )


class _ProgLoadOptions(ctypes.Structure):
    """struct bpf_prog_load_opts of libbpf 1.x, src/bpf.h, as far as it is set."""

    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("attempts", ctypes.c_int),
        ("expected_attach_type", ctypes.c_int),
        ("prog_btf_fd", ctypes.c_uint32),
        ("prog_flags", ctypes.c_uint32),
        ("prog_ifindex", ctypes.c_uint32),
        ("kern_version", ctypes.c_uint32),
        ("attach_btf_id", ctypes.c_uint32),
        ("attach_prog_fd", ctypes.c_uint32),
        ("attach_btf_obj_fd", ctypes.c_uint32),
        ("fd_array", ctypes.c_void_p),
        ("func_info", ctypes.c_void_p),
        ("func_info_cnt", ctypes.c_uint32),
        ("func_info_rec_size", ctypes.c_uint32),
        ("line_info", ctypes.c_void_p),
        ("line_info_cnt", ctypes.c_uint32),
        ("line_info_rec_size", ctypes.c_uint32),
        ("log_level", ctypes.c_uint32),
        ("log_size", ctypes.c_uint32),
        ("log_buf", ctypes.c_void_p),
    )


def module_instance(module: str) -> int | None:
    """A number that changes when the module is loaded anew; None while it is not there.

    The inode of its folder in sysfs: kernfs gives a new one to each folder that it makes. A
    module is there when its initstate is "live" (kernel/module/main.c).
    """
    try:
        with open(f"/sys/module/{module}/initstate") as state:
            live = state.read().strip() == "live"
        return os.stat(f"/sys/module/{module}").st_ino if live else None
    except OSError:
        return None
