"""ktrace-agent for a guest, with its kernel's types in it where that has none."""

from pathlib import Path

from ktrace.agent.build import build
from ktrace.agent.toolchain import toolchain
from ktrace.lab.build.fingerprint import fingerprint
from ktrace.lab.build.image_cache import cached
from ktrace.lab.build.kernel_btf import kernel_btf, kernel_unwind
from ktrace.lab.build.packages import Kernel
from ktrace.package import packaged


def agent_program(cache: Path, kernel: Kernel) -> Path:
    """From the cache, else built."""
    btf = None if kernel.arch.own_btf else kernel_btf(cache, kernel)
    made_of = [Path(packaged("agent")), Path(packaged("bpf")), *filter(None, [btf])]
    name = f"{kernel.arch.kind('agent')}-{fingerprint(made_of)}"

    def make(path: Path) -> None:
        build(toolchain(kernel.arch.name), str(path), str(btf) if btf else None)

    return cached(cache, name, make)


def reader_options(cache: Path, kernel: Kernel) -> tuple[str, ...]:
    """Of the ktrace that reads what an agent on that kernel writes."""
    return () if kernel.arch.own_btf else ("--unwind", str(kernel_unwind(cache, kernel)))
