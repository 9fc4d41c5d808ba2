"""Functions of mm/page_alloc.c and mm/swap.c through which bad_page() is reached, and so name its
path: from 2.6.31 to 6.18. Which of them are in a stack depends on what the compiler inlined.
"""

import re

from ktrace.events import Stack
from ktrace.kernel.wait_functions import function_of

ALLOC = frozenset(
    "check_new_page check_new_pages check_new_page_bad check_new_pcp check_pcp_refill rmqueue "
    "rmqueue_bulk rmqueue_pcplist __rmqueue_pcplist prep_new_page post_alloc_hook "
    "get_page_from_freelist buffered_rmqueue".split()
)
FREE = frozenset(
    "free_page_is_bad_report free_page_is_bad check_free_page check_free_page_bad "
    "free_pages_check free_pages_check_bad free_pages_prepare __free_pages_prepare "
    "free_tail_page_prepare free_tail_pages_check free_pcp_prepare bulkfree_pcp_prepare "
    "free_pcppages_bulk free_unref_page free_unref_page_prepare free_unref_page_list "
    "free_unref_folios __free_pages_ok free_frozen_pages __free_frozen_pages free_hot_cold_page "
    "__free_pages free_pages drain_pages_zone __folio_put".split()
)
_NEAR = 8  # innermost frames; further out are callers that may do both


def path_of(reason: str, stack: Stack) -> str:
    """Whether the page was being allocated or freed: alloc, free, or "" when neither shows.

    The kernel's reason says it for flags (page_bad_reason(), mm/page_alloc.c), else the innermost
    function of either path does.
    """
    if "CHECK_AT_PREP" in reason:
        return "alloc"
    if "CHECK_AT_FREE" in reason:
        return "free"
    for frame in stack[:_NEAR]:
        function = function_of(frame)
        if function in ALLOC:
            return "alloc"
        if function in FREE:
            return "free"
    return ""


# The allocator's own and what only passes on: page cache, slab, mmu gather
_PLUMBING = re.compile(
    r"(?:__|___|____)?(?:post_alloc_hook|prep_new_page|get_page_from_freelist|alloc_frozen_pages\w*"
    r"|alloc_pages?\w*|get_free_pages?\w*|get_zeroed_page\w*|folio_alloc\w*|vma_alloc_\w+"
    r"|filemap_(?:alloc|get)_folio\w*|pagecache_get_page|page_cache_alloc|alloc_slab_page"
    r"|allocate_slab|new_slab|slab_alloc\w*|kmem_cache_alloc\w*|kmalloc\w*|kvmalloc\w*|vmalloc\w*"
    r"|do_kmalloc\w*|set_page_owner|reset_page_owner|save_stack|free_unref_\w+|free_pages?\w*"
    r"|free_frozen_pages\w*|free_pcp\w*|folio_put\w*|folios_put\w*|put_page\w*|release_pages"
    r"|free_page_and_swap_cache|free_pages_and_swap_cache|tlb_\w+|kfree\w*|kvfree\w*|vfree\w*"
    r"|discard_slab|free_slab|rmqueue\w*|stack_trace_save|alloc_pages_mpol\w*)"
)


def outside_allocator(stack: Stack) -> str:
    """The innermost frame that is not the allocator's: who asked for the page or gave it back.
    The outermost where there is none; "" of an empty stack."""
    for frame in stack:
        if not _PLUMBING.fullmatch(function_of(frame)):
            return frame
    return stack[-1] if stack else ""


def from_bad_page(stack: Stack) -> Stack:
    """Without dump_stack() and what it calls."""
    for index, frame in enumerate(stack):
        if function_of(frame).partition(".")[0] == "bad_page":
            return stack[index:]
    return stack
