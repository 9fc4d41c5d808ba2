"""Which loader puts the probes into the kernel, and why."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ktrace.record import record

if TYPE_CHECKING:
    from ktrace.probes.loader import Loader

LOADERS = ("auto", "libbpf", "bcc")


@record
class Choice:
    """name: "libbpf" or "bcc"."""

    name: str
    why: str


def choose(wanted: str = "auto", vmlinux: str = "") -> Choice:
    """libbpf wherever the kernel has BTF, else bcc; or what the user wants. vmlinux: another file
    than the kernel's own."""
    if wanted != "auto":
        return Choice(wanted, f"--loader {wanted}")
    from ktrace.kernel.btf import VMLINUX
    from ktrace.kernel.btf_file import btf_file

    if file := btf_file():
        return Choice("libbpf", f"with the BTF in {file}")
    vmlinux = vmlinux or VMLINUX
    try:
        has_btf = os.stat(vmlinux).st_size > 0
    except OSError:
        has_btf = False
    if has_btf:
        return Choice("libbpf", "this kernel has BTF")
    return Choice("bcc", f"this kernel shows no BTF in {vmlinux}")


def make_loader(
    name: str,
    knobs: Mapping[str, int],
    hot: Sequence[str] = (),
    breathe: Callable[[], None] = lambda: None,
) -> "Loader":
    """The loader of a Choice; only its own code is imported. hot: see Purpose. breathe: called now
    and then while the kernel holds up a walk. Raises CannotTrace."""
    if name == "bcc":
        from ktrace.probes.bcc_loader import BccLoader

        return BccLoader(knobs, hot)
    from ktrace.probes.libbpf_loader import LibbpfLoader

    return LibbpfLoader(knobs, hot, breathe)
