"""What would do instead of a large block, as far as the evidence goes."""

from collections.abc import Iterator

from ktrace.detectors.allocation_use import NEEDED, NOT_NEEDED
from ktrace.findings import LargeAllocation


def reasons(finding: LargeAllocation) -> list[str]:
    """Is physical contiguity needed? From what that is concluded."""
    by = "as far as its stack tells"
    if finding.contiguous == NEEDED:
        return [f"It needs pages that lie together: {finding.use}, {by}."]
    if finding.contiguous == NOT_NEEDED:
        return [f"It need not have pages that lie together: {finding.use}, {by}."]
    return [
        "Whether it needs pages that lie together is not known: the stack shows "
        f"{finding.use}, and not whether a device is given its address. Its source tells."
    ]


def next_steps(finding: LargeAllocation) -> list[str]:
    """Of one that failed, waited, or led to a kill."""
    if finding.what != "pages":
        return [*_elsewhere(finding)]
    if finding.contiguous == NEEDED:
        return [*_contiguous(finding)]
    if finding.contiguous == NOT_NEEDED:
        return [*_of_the_kernel(finding)]
    return [
        *_not_contiguous(finding),
        *(f"If a device needs it: {t}" for t in _contiguous(finding)),
    ]


def _not_contiguous(finding: LargeAllocation) -> Iterator[str]:
    if finding.may_wait is False:
        yield (
            "It may not sleep, so kvmalloc() is not for it: allocate at start and keep it, or a "
            "mempool; else an array of single pages, which GFP_ATOMIC can give."
        )
    else:
        yield (
            "If only the CPU uses it: kvmalloc() (GFP_KERNEL; before 5.18 neither GFP_NOFS nor "
            "GFP_NOIO), which takes single pages when a block cannot be had; freed by kvfree()."
        )
    yield (
        "If it is a table with an index: an xarray or a genradix of single pages, what became of "
        "the flexible array (removed in 5.1); if it is a buffer for I/O: an array of pages, and "
        "scatter-gather."
    )


def _contiguous(finding: LargeAllocation) -> Iterator[str]:
    if finding.use == "THP":
        yield (
            "It goes on without; where waiting hurts: /sys/kernel/mm/transparent_hugepage/defrag = "
            "defer or madvise."
        )
        return
    if finding.use == "hugetlb":
        yield "Reserve them at boot (hugepages=N), or in CMA (hugetlb_cma=)."
        return
    yield "Allocate once at start, when memory is not fragmented yet, and keep it (a mempool)."
    yield "Scatter-gather, if the device can; CMA (cma=SIZE, dma_alloc_coherent()), if it cannot."
    if finding.may_wait is False:
        yield (
            "More in reserve for requests that may not wait: vm.min_free_kbytes, "
            "vm.watermark_scale_factor."
        )


def _of_the_kernel(finding: LargeAllocation) -> Iterator[str]:
    if finding.use == "kvmalloc":
        yield "It falls back to vmalloc: what it costs is the wait for the block before."
    elif finding.use == "packet ring":
        yield "A smaller tp_block_size with more blocks takes smaller orders for the same ring."
    elif finding.use == "slab":
        yield (
            "The slab goes on with its smallest order; slab_max_order=0 (slub_max_order=0 before "
            "6.10) on the kernel's command line keeps it there."
        )
    else:
        yield "The kernel's own code falls back to smaller blocks here."
    if finding.waited:
        yield "Less waiting: vm.compaction_proactiveness, so that blocks are there before."


def _elsewhere(finding: LargeAllocation) -> Iterator[str]:
    if finding.what == "vmalloc":
        yield (
            "vmalloc takes single pages: not their size is short but address space (32 bits: "
            "vmalloc=SIZE on the kernel's command line) or memory."
        )
    else:
        yield (
            "A per-CPU allocation that may not sleep takes what is populated already: allocate it "
            "where sleeping is allowed, or at start."
        )
