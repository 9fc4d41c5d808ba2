"""Variables that each CPU has its own of: include/linux/percpu-defs.h."""

from ktrace.waits.kernel import Kernel

_OFFSETS = "__per_cpu_offset"
_MOST_CPUS = 4096


def each_cpu(kernel: Kernel, variable: int) -> list[int]:
    """By CPU, the address of its own; empty where the kernel does not show where they are."""
    table = kernel.variable(_OFFSETS)
    if table is None or not 0 < kernel.cpus <= _MOST_CPUS:
        return []
    data = kernel.memory.read(table, kernel.width.word * kernel.cpus)
    offsets = kernel.width.unpack(data) if data else ()
    return [variable + offset & kernel.width.greatest for offset in offsets]


def sum_of(kernel: Kernel, variable: int, size: int) -> int | None:
    """A signed integer of 4 or 8 bytes, added up over the CPUs, of which one may count up what
    another counts down; None where one cannot be read."""
    found = kernel.memory.read_all([(at, size) for at in each_cpu(kernel, variable)])
    if not found or None in found:
        return None
    bits = 8 * size
    total = sum(int.from_bytes(data, "little") for data in found if data)
    return (total + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)
