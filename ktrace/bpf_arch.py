"""Which BPF objects a machine needs: they differ in the registers that probes read."""

# libbpf's headers' names, as in __TARGET_ARCH_x86, by how `uname -m` begins
_BY_MACHINE = {
    "x86_64": "x86",
    "i386": "x86",
    "i686": "x86",
    "aarch64": "arm64",
    "arm": "arm",
    "riscv": "riscv",
    "ppc": "powerpc",
    "s390": "s390",
    "mips": "mips",
    "loongarch": "loongarch",
}
SHIPPED = ("x86", "arm64", "arm")  # in every wheel, beside those of the machine that builds it


def bpf_arch(machine: str) -> str | None:
    """The architecture for what `uname -m` says; None: not known."""
    for prefix, arch in _BY_MACHINE.items():
        if machine.startswith(prefix):
            return arch
    return None
