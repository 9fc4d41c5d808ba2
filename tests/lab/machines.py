"""A guest with Debian's kernel, Python and ktrace, for a test's own commands."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ktrace.lab.build import image
from ktrace.lab.build.initramfs import initramfs
from ktrace.lab.build.packages import debian_kernel
from ktrace.lab.cache import cache_dir
from ktrace.lab.guest.guest import Disk, Guest, Machine

KTRACE = "PYTHONPATH=/ktrace python3 -m ktrace"


def machine(
    tmp_path: Path,
    modules: tuple[str, ...] = (),
    suite: str = "",
    arguments: str = "",
    memory_mb: int = 256,
) -> Machine:
    """Its trace and console are files in tmp_path. suite: of Debian; empty: this machine's own."""
    cache = cache_dir()
    kernel = debian_kernel(cache, suite=suite)
    return Machine(
        kernel=kernel.image,
        initramfs=initramfs(cache, kernel, modules),
        disks=(
            Disk("system", image.system_disk(cache)),
            Disk("ktrace", image.ktrace_disk(cache)),
        ),
        trace=tmp_path / "trace",
        console=tmp_path / "console.log",
        arguments=arguments,
        memory_mb=memory_mb,
    )


@contextmanager
def booted(made: Machine) -> Iterator[Guest]:
    """Until the end of the block."""
    with Guest(made) as guest:
        guest.boot()
        yield guest
