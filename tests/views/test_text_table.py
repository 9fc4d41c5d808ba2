"""Tables as plain text."""

import pytest

from ktrace.views.text_table import text_table

pytestmark = pytest.mark.unit


def test_columns_are_aligned_and_lines_have_no_trailing_space() -> None:
    rows = [("NAME", "STATE", "END"), ("a", "running", ""), ("longer", "D", "SIGKILL")]
    assert text_table(rows, "  ") == [
        "  NAME    STATE    END",
        "  a       running",
        "  longer  D        SIGKILL",
    ]


def test_no_rows() -> None:
    assert text_table([]) == []
