"""Plain lines: what streams into a pipe."""

import pytest

from ktrace.views.lines import LinesView
from tests.views.golden import Golden
from tests.views.runs import RESOLVED, STUCK, show

pytestmark = pytest.mark.unit


def test_lines(capsys: pytest.CaptureFixture[str], golden: Golden) -> None:
    show(LinesView(), [*STUCK, *RESOLVED])
    golden.check("lines.txt", capsys.readouterr().out)


def test_lines_come_as_things_happen(capsys: pytest.CaptureFixture[str]) -> None:
    show(LinesView(), STUCK, end=False)
    assert "STUCK: appd[20]" in capsys.readouterr().out


def test_no_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    show(LinesView(), [*STUCK, *RESOLVED])
    text = capsys.readouterr().out
    assert all(character.isprintable() or character == "\n" for character in text)
