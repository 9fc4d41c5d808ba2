"""Nothing that a kernel can put into a name commands a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrace.views.safe_text import safe

pytestmark = pytest.mark.unit


@given(st.text())
def test_only_printable_characters_remain(text: str) -> None:
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in safe(text))
    safe(text).encode()  # no lone surrogates


@pytest.mark.parametrize("text", ["kworker/u4:6", "größe", "日本", "[bold]", "a b"])
def test_readable_text_stays(text: str) -> None:
    assert safe(text) == text


def test_escapes_are_told() -> None:
    assert safe("\x1b[2J\u202e\n") == "\\x1b[2J\\u202e\\x0a"
