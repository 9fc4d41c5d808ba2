"""One thing, several things."""

import re
from pathlib import Path

import pytest

import ktrace
from ktrace.plural import count

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("number", "thing", "text"),
    [
        (1, "zombie", "1 zombie"),
        (2, "zombie", "2 zombies"),
        (0, "OOM kill", "0 OOM kills"),
        (3, "process", "3 processes"),
        (1, "process", "1 process"),
        (2, "entry", "2 entries"),
        (2, "day", "2 days"),
        (2, "branch", "2 branches"),
    ],
)
def test_count(number: int, thing: str, text: str) -> None:
    assert count(number, thing) == text


_MADE = re.compile(r"""== 1 else f?["']e?s["']|["']["'] if \S+ == 1""")


def test_nobody_else_makes_plurals() -> None:
    found = [
        f"{path.name}:{number}: {line.strip()}"
        for path in Path(ktrace.__file__).parent.rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if _MADE.search(line)
    ]
    assert found == []
