"""The kernel's types, as the libbpf loader needs them: its own, or those of a file."""

from ktrace.errors import CannotTrace
from ktrace.kernel.btf import VMLINUX, Btf
from ktrace.kernel.libbpf import LibbpfError

_WHOLE = "a file with this kernel's whole BTF is needed"


def kernel_types(file: str = "") -> Btf:
    """Of the file where one is named. Raises CannotTrace."""
    try:
        btf = Btf.of_file(file) if file else Btf.of_kernel()
    except LibbpfError as error:
        if file:
            raise CannotTrace(str(error), hint=_WHOLE) from None
        raise CannotTrace(
            f"this kernel's BTF cannot be read from {VMLINUX}: {error}",
            hint="a kernel with CONFIG_DEBUG_INFO_BTF=y is needed, $KTRACE_BTF, or --loader bcc",
        ) from None
    if file and btf.tracepoint_arguments("sched_switch") is None:
        btf.close()
        raise CannotTrace(
            f"{file} has no tracepoints: it is no kernel's BTF, or was cut down", hint=_WHOLE
        )
    return btf
