"""The reasons for which bad_page() is called, as the kernel prints them."""

import re

# page_bad_reason(), mm/page_alloc.c: the kernel names the last test that failed
OF_REASON = {
    "nonzero mapcount": "mapcount",
    "non-NULL mapping": "mapping",
    "nonzero _count": "refcount",
    "nonzero _refcount": "refcount",
    "page still charged to cgroup": "memcg",
    "page_pool leak": "page_pool",
}
# free_tail_page_prepare(): of a compound page that is taken apart
TAIL = ("corrupted mapping in tail page", "PageTail not set", "compound_head not consistent")
COMPOUND = (
    *("nonzero compound_mapcount", "nonzero entire_mapcount", "nonzero _nr_pages_mapped"),
    *("nonzero large_mapcount", "nonzero pincount", "nonzero _pincount", "nonzero mm mapcount 0"),
    *("nonzero mm mapcount 1", "on deferred list", "still on deferred list", "corrupted mapping"),
)
_OF_FLAGS = tuple(
    f"PAGE_FLAGS_CHECK_AT_{when} flag{s} set" for when in ("PREP", "FREE") for s in ("", "s", "(s)")
)
_REASONS = sorted((*OF_REASON, *TAIL, *COMPOUND, *_OF_FLAGS), key=len, reverse=True)
_AFTER_REASON = re.compile(r"\s+Modules linked in:")  # a mail lost the end of the line before


def reason_of(text: str) -> str:
    """Without what a mail has put behind it."""
    for reason in _REASONS:
        if f"{text} ".startswith(f"{reason} "):
            return reason
    return _AFTER_REASON.split(text, 1)[0].rstrip()


def is_known(reason: str) -> bool:
    return reason in _REASONS
