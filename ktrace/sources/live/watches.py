"""What a live source watches beside its probes, where the kernel and the command have it."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ktrace.kernel.gfp import GfpFlags
from ktrace.kernel.layout import NotInThisKernel
from ktrace.kernel.libbpf import LibbpfError
from ktrace.probes.catalog import ALLOCATIONS
from ktrace.probes.loader import Loader
from ktrace.sources.live.decode.decoder import Decoder
from ktrace.sources.live.wait_watch import WaitWatch

if TYPE_CHECKING:
    from ktrace.sources.live.allocation_watch import AllocationWatch


def wait_watch(
    loader: Loader, decoder: Decoder, all_waits: bool, breathe: Callable[[], None] = lambda: None
) -> tuple[WaitWatch | None, str]:
    """And why not, where there is none."""
    btf = loader.kernel_btf()
    if btf is None or not loader.can_follow:
        return None, f"the loader {loader.name} cannot read the kernel's memory on demand"
    from ktrace.sources.live.wait_reader import WaitReader

    try:
        reader = WaitReader(btf, lambda: decoder.symbols, loader.bio_submitters)
    except (LibbpfError, NotInThisKernel, OSError) as error:
        return None, str(error)
    return WaitWatch(loader, reader, decoder.decode, all_waits, breathe), ""


def allocation_watch(
    hot: Sequence[str], min_order: int | None, gfp: GfpFlags
) -> "AllocationWatch | None":
    """Where large allocations are traced; imported only there."""
    if ALLOCATIONS not in hot:
        return None
    from ktrace.sources.live.allocation_watch import LARGE_ORDER, AllocationWatch

    return AllocationWatch(LARGE_ORDER if min_order is None else min_order, gfp)
