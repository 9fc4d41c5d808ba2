"""page_owner in a report, after __dump_page_owner() of mm/page_owner.c."""

from __future__ import annotations

import pytest

from ktrace.events import PageOwner
from ktrace.sources.log.page_owner import OwnerLines

pytestmark = pytest.mark.unit

V6_10 = """\
page_owner tracks the page as freed
page last allocated via order 0, migratetype Unmovable, gfp_mask 0x40c40(GFP_NOFS|__GFP_COMP), \
pid 5096, tgid 5096 (a (b), ts 1), ts 65023000000, free_ts 56000000000
 post_alloc_hook+0x1f3/0x230
 get_page_from_freelist+0x2e4c/0x2f10
 __alloc_pages_noprof+0x256/0x6c0
 folio_alloc_noprof+0x128/0x180
 __filemap_get_folio+0x44e/0xc10
 __get_metapage+0x2b4/0x1050 [jfs]
 jfs_mkdir+0x1c5/0xba0 [jfs]
page last free pid 5083 tgid 5083 stack trace:
 free_unref_page+0xd19/0xea0
 __folio_put+0x3b9/0x620
 pipe_read+0x6f2/0x13e0
"""
V4_9 = """\
page allocated via order 0, migratetype Movable, gfp_mask 0x24280ca(GFP_HIGHUSER_MOVABLE|__GFP_ZERO)
 [<ffffffff81166a5e>] __alloc_pages_nodemask+0x15e/0xa90
"""


def taken(text: str) -> tuple[OwnerLines, list[str]]:
    lines = OwnerLines()
    return lines, [line for line in text.splitlines() if not lines.take(line)]


def test_allocation_and_free() -> None:
    lines, rest = taken(V6_10 + "page dumped because: nonzero _refcount\n bad_page+0x1/0x2\n")
    assert rest == ["page dumped because: nonzero _refcount", " bad_page+0x1/0x2"]
    allocated, freed = lines.owners()
    assert allocated == PageOwner(
        did="allocated",
        pid=5096,
        comm="a (b), ts 1",
        order=0,
        gfp="GFP_NOFS|__GFP_COMP",
        at=65.023,
        frame="__get_metapage+0x2b4 [jfs]",
        stack=(
            "post_alloc_hook+0x1f3",
            "get_page_from_freelist+0x2e4c",
            "__alloc_pages_noprof+0x256",
            "folio_alloc_noprof+0x128",
            "__filemap_get_folio+0x44e",
            "__get_metapage+0x2b4 [jfs]",
            "jfs_mkdir+0x1c5 [jfs]",
        ),
    )
    assert (freed.did, freed.pid, freed.at) == ("freed", 5083, 56.0)
    assert freed.frame == "pipe_read+0x6f2"


def test_before_it_told_who() -> None:
    lines, _ = taken(V4_9.replace("[<ffffffff81166a5e>] ", ""))
    (allocated,) = lines.owners()
    assert (allocated.pid, allocated.comm, allocated.at) == (None, "", None)
    assert allocated.frame == "__alloc_pages_nodemask+0x15e"


def test_nothing() -> None:
    lines, rest = taken("page dumped because: nonzero _refcount\n bad_page+0x1/0x2\n")
    assert (len(rest), lines.owners(), lines.lines) == (2, (), [])


def test_it_ends() -> None:
    lines, _ = taken("page_owner tracks the page as freed\n" * 1000)
    assert len(lines.lines) == 120
