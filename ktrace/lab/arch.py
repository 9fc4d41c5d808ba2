"""The machines that the lab can emulate, under Debian's names of their architectures."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Arch:
    """What differs from one architecture to the next.

    `gcc` is the compiler's name on another machine; on its own it is gcc.
    """

    name: str
    machine: str  # as in uname -m
    metapackage: str
    qemu: str
    board: tuple[str, ...]  # QEMU's options; none: its default
    cpu: str
    console: str
    console_option: str  # of the kernel's .config
    gcc: str
    memory_start: int = 0  # where QEMU's board has its memory
    most_cpus: int = 2
    more_modules: tuple[str, ...] = ()  # that a guest needs at boot, beside those of every guest
    own_btf: bool = True  # of Debian's kernel; else it is made from the kernel's debug package

    @property
    def is_own(self) -> bool:
        """Is it that of this machine?"""
        return os.uname().machine == self.machine

    @property
    def compiler(self) -> str:
        return "gcc" if self.is_own else self.gcc

    def kind(self, name: str) -> str:
        """Of a file that is made for each architecture."""
        return name if self == AMD64 else f"{name}@{self.name}"


AMD64 = Arch(
    name="amd64",
    machine="x86_64",
    metapackage="linux-image-cloud-amd64",
    qemu="qemu-system-x86_64",
    board=(),
    # Without cmpxchg16b, after which QEMU 7.2 leaves wrong flags now and then: a 6.12 kernel, whose
    # kmem_cache_alloc() uses it, panicked in two of three boots.
    cpu="max,la57=off,cx16=off",
    console="ttyS0",
    console_option="SERIAL_8250_CONSOLE",
    gcc="x86_64-linux-gnu-gcc",
)
ARM64 = Arch(
    name="arm64",
    machine="aarch64",
    metapackage="linux-image-cloud-arm64",
    qemu="qemu-system-aarch64",
    board=("-machine", "virt"),
    # no "max": its pointer authentication is slow to emulate
    cpu="cortex-a57",
    memory_start=0x40000000,
    console="ttyAMA0",
    console_option="SERIAL_AMBA_PL011_CONSOLE",
    gcc="aarch64-linux-gnu-gcc",
)
ARMHF = Arch(
    name="armhf",
    machine="armv7l",
    metapackage="linux-image-armmp",
    qemu="qemu-system-arm",
    # a kernel without LPAE reaches no devices above 4 GiB
    board=("-machine", "virt,highmem=off"),
    cpu="cortex-a15",
    memory_start=0x40000000,
    console="ttyAMA0",
    console_option="SERIAL_AMBA_PL011_CONSOLE",
    gcc="arm-linux-gnueabihf-gcc",
    most_cpus=1,  # with two, TCG in one thread stops now and then
    more_modules=("crc32c_generic", "ext4"),
    own_btf=False,
)

ARCHES = {arch.name: arch for arch in (AMD64, ARM64, ARMHF)}
