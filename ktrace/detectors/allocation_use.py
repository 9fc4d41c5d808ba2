"""What a large allocation is for, as far as its stack tells."""

import re
from functools import lru_cache

from ktrace.events import AllocationSite, Stack
from ktrace.kernel.wait_functions import function_of, module_of
from ktrace.record import record

NEEDED, NOT_NEEDED, UNKNOWN = "needed", "not-needed", "not-known"


@record
class Use:
    """contiguous: does it need pages that lie together (needed, not-needed, not-known)? split: its
    pages are freed one by one, which is not watched."""

    name: str
    contiguous: str
    split: bool = False


# The first whose functions are in the stack, innermost or not
_USES: tuple[tuple[str, Use], ...] = (
    (r"packet_set_ring|alloc_one_pg_vec_page", Use("packet ring", NOT_NEEDED)),
    (r"__kvmalloc_node\w*|kvmalloc_node", Use("kvmalloc", NOT_NEEDED)),
    (r"vm_area_alloc_pages|__vmalloc_area_node", Use("vmalloc", NOT_NEEDED, split=True)),
    (r"allocate_slab|new_slab", Use("slab", NOT_NEEDED)),
    (
        r"(__)?do_huge_pmd_\w+|vma_alloc_anon_folio_pmd|collapse_huge_page|alloc_charge_folio"
        r"|collapse_file|hpage_collapse_alloc_\w+|khugepaged_alloc_page",
        Use("THP", NEEDED),
    ),
    (r"alloc_anon_folio", Use("anonymous", NOT_NEEDED)),
    (r"alloc_\w*hugetlb\w*|alloc_fresh_huge_page|alloc_surplus_huge\w*", Use("hugetlb", NEEDED)),
    (
        r"__filemap_get_folio\w*|page_cache_ra_order|ra_alloc_folio|filemap_alloc_folio\w*"
        r"|shmem_alloc_\w*folio\w*",
        Use("page cache", NOT_NEEDED),
    ),
    (
        r"skb_page_frag_refill|__page_frag_\w+|page_frag_alloc\w*|alloc_skb_with_frags",
        Use("socket", NOT_NEEDED),
    ),
    (
        r"iommu_dma_alloc\w*|__iommu_dma_alloc\w*",
        Use("IOMMU DMA", NOT_NEEDED, split=True),
    ),
    (r"(__)?dma_\w*alloc\w*", Use("DMA", NEEDED)),
    (r"alloc_pages_exact\w*|make_alloc_exact", Use("exact pages", UNKNOWN, split=True)),
    (r"_*kmalloc\w*|_*krealloc\w*|kmalloc_large\w*", Use("kmalloc", UNKNOWN)),
)
_COMPILED = tuple((re.compile(pattern), use) for pattern, use in _USES)
_DIRECT = Use("pages", UNKNOWN)
_BY_KIND = {"vmalloc": Use("vmalloc", NOT_NEEDED), "percpu": Use("per-CPU", NOT_NEEDED)}
# What any allocation goes through: nothing of it says whose it is
_ALLOCATOR = re.compile(
    r"(__|___)?(alloc_(frozen_)?pages?|folio_alloc|get_free_pages|get_zeroed_page|vma_alloc_(anon_)?folio|mempool_alloc"
    r"|alloc_contig)\w*|alloc_pages_(mpol|node|current|vma|bulk)\w*|_*k[mvz]?malloc\w*|_*k[vz]?z?alloc\w*"
    r"|_*krealloc\w*|kmem_cache_alloc\w*|___?slab_alloc|allocate_slab|new_slab|get_page_from_freelist"
    r"|alloc_vmap_area|__get_vm_area_node|get_vm_area\w*|_*vmalloc\w*|_*vzalloc\w*|vmap\w*|vm_map_ram"
    r"|_*(iommu_)?dma_\w*alloc\w*|vm_area_alloc_pages|pcpu_alloc\w*|_*alloc_percpu\w*|warn_alloc|__alloc_size\w*|make_alloc_exact"
)


@record
class Caller:
    """Who asks. function "": there is no stack. module "": it is in the kernel image."""

    function: str
    module: str


@lru_cache(maxsize=4096)
def use_of(stack: Stack, what: str) -> Use:
    """what: as of AllocationSite."""
    names = [function_of(frame) for frame in stack]
    for pattern, use in _COMPILED:
        if any(pattern.fullmatch(name) for name in names):
            return _BY_KIND.get(what, use) if use.name != "kvmalloc" else use
    return _BY_KIND.get(what, _DIRECT)


@lru_cache(maxsize=4096)
def caller_of(stack: Stack) -> Caller:
    """The innermost function that is none of the allocator's own."""
    for frame in stack:
        name = function_of(frame)
        if not _ALLOCATOR.fullmatch(name):
            return Caller(name, module_of(frame))
    return Caller(function_of(stack[0]) if stack else "", "")


def is_expected(site: AllocationSite) -> bool:
    """Is a failure of it part of the plan? It then falls back to something smaller: the kernel is
    asked neither to try hard (__GFP_NORETRY, or no direct reclaim) nor to say so (__GFP_NOWARN)."""
    if site.what != "pages":
        return False
    easy = site.no_retry or site.may_wait is False
    return bool(site.no_warn and easy)
