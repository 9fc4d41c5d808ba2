"""The kernel's types, as the libbpf loader needs them: its own, or those of a file."""

from ktrace.errors import CannotTrace
from ktrace.kernel.btf import VMLINUX, Btf
from ktrace.kernel.btf_file import HOW_TO_MAKE
from ktrace.kernel.libbpf import LibbpfError


def kernel_types(file: str = "") -> Btf:
    """Of the file where one is named. Raises CannotTrace."""
    try:
        btf = Btf.of_file(file) if file else Btf.of_kernel()
    except LibbpfError as error:
        if file:
            raise CannotTrace(f"{file} has no BTF that can be read", hint=HOW_TO_MAKE) from None
        raise CannotTrace(
            f"this kernel's BTF cannot be read from {VMLINUX}: {error}",
            hint=f"a kernel with CONFIG_DEBUG_INFO_BTF=y is needed, --loader bcc, or a file; "
            f"{HOW_TO_MAKE}",
        ) from None
    if file and btf.tracepoint_arguments("sched_switch") is None:
        btf.close()
        raise CannotTrace(
            f"{file} has no tracepoints: it is no kernel's BTF, or was cut down by another program",
            hint=HOW_TO_MAKE,
        )
    return btf
