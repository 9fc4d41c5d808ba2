"""Does a kernel have what a guest of the lab needs? Asked of its .config, before it is booted."""

import re
from collections.abc import Iterable
from pathlib import Path

from ktrace.errors import UsageError
from ktrace.lab.build.packages import Kernel
from ktrace.plural import count

# The guest's disks, ports and files; y or m.
GUEST = (
    *("VIRTIO_PCI", "VIRTIO_BLK", "VIRTIO_CONSOLE", "BLK_DEV_INITRD", "EXT4_FS", "TMPFS"),
    *("DEVTMPFS", "PROC_FS", "SYSFS"),
)
# ktrace in the guest; STACKTRACE: for /proc/PID/stack, by which scenarios see where tasks wait
TRACER = ("BPF_SYSCALL", "BPF_EVENTS", "STACKTRACE", "TRACEPOINTS")
OF_MODULE = {"squashfs": "SQUASHFS"}


def check_config(kernel: Kernel, modules: Iterable[str]) -> None:
    """Raises UsageError with the options that are missing. A kernel without a .config beside it
    is booted as it is."""
    config = find_config(kernel)
    if config is None:
        return
    wanted = [
        *GUEST,
        kernel.arch.console_option,
        *TRACER,
        *(("DEBUG_INFO_BTF",) if kernel.arch.own_btf else ()),
        *(OF_MODULE[name] for name in modules if name in OF_MODULE),
    ]
    missing = missing_options(config.read_text(errors="replace"), wanted)
    if missing:
        raise UsageError(
            f"this kernel lacks {count(len(missing), 'option')} that the lab needs ({config})",
            hint="set in its .config: " + " ".join(f"CONFIG_{option}=y" for option in missing),
        )


def find_config(kernel: Kernel) -> Path | None:
    """Of a package: boot/config-RELEASE or beside the modules; of a build tree: its .config."""
    places = [kernel.image.with_name(f"config-{kernel.release}"), kernel.modules / "config"]
    places += [parent / ".config" for parent in list(kernel.image.parents)[:4]]
    return next((place for place in places if place.is_file()), None)


def missing_options(config: str, wanted: Iterable[str]) -> list[str]:
    """Those of wanted (without CONFIG_) that are neither y nor m."""
    given = set(re.findall(r"^CONFIG_(\w+)=[ym]$", config, re.MULTILINE))
    return [option for option in dict.fromkeys(wanted) if option not in given]
