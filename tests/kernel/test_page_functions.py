"""ktrace.kernel.page_functions: on which path a page was looked at."""

from __future__ import annotations

import pytest

from ktrace.kernel.page_functions import ALLOC, FREE, path_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("reason", "stack", "path"),
    [
        ("PAGE_FLAGS_CHECK_AT_PREP flag(s) set", (), "alloc"),
        ("PAGE_FLAGS_CHECK_AT_FREE flag(s) set", (), "free"),
        (
            "nonzero _refcount",
            ("bad_page+0x1", "check_new_pages+0xab", "rmqueue_bulk+0x2"),
            "alloc",
        ),
        # 6.1 puts a block together while it allocates: the innermost tells
        ("nonzero mapcount", ("bad_page+0x1", "__free_pages_ok+0x4ba", "rmqueue+0x1"), "free"),
        ("nonzero mapcount", ("bad_page.cold+0x1", "free_unref_page_prepare.part.0+0x7"), "free"),
        ("nonzero mapcount", ("bad_page+0x1", "somewhere+0x2"), ""),
        # only the live path, or only the log path, knew these
        ("nonzero mapcount", ("bad_page+0x1", "free_frozen_pages+0x4"), "free"),
        ("nonzero mapcount", ("bad_page+0x1", "check_new_pcp+0x4"), "alloc"),
        ("nonzero mapcount", ("bad_page+0x1", "post_alloc_hook+0x4"), "alloc"),
        # a caller that far out may allocate and free
        ("", ("bad_page+0x1", *["x+0x1"] * 7, "free_pages+0x2"), ""),
        ("", (), ""),
    ],
)
def test_path(reason: str, stack: tuple[str, ...], path: str) -> None:
    assert path_of(reason, stack) == path


def test_no_function_is_of_both_paths() -> None:
    assert not ALLOC & FREE
