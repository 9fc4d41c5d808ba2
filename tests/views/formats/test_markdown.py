"""Markdown that a name in the trace cannot break out of."""

import pytest

from ktrace.views.formats.markdown import _fenced, code, text

pytestmark = pytest.mark.unit


def test_no_line_ends_its_fence() -> None:
    lines = [*_fenced(["a", "```", "    ````` b"])]
    assert lines == ["``````text", "a", "```", "    ````` b", "``````", ""]


@pytest.mark.parametrize(
    ("plain", "escaped"),
    [
        ("squashfs_cache_get", "squashfs_cache_get"),
        ("_x_", r"\_x\_"),
        ("hog[3] *a* <b> #1 @me", r"hog\[3\] \*a\* \<b\> \#1 \@me"),
        ("a\\`b`", r"a\\\`b\`"),
    ],
)
def test_what_is_markup_is_escaped(plain: str, escaped: str) -> None:
    assert text(plain) == escaped


def test_code_span() -> None:
    assert code("a`b") == "`a'b`"
