"""Files that are read by several processes at once."""

import os

import pytest

from ktrace.errors import UsageError
from ktrace.parallel import Told, each
from ktrace.views import progress

pytestmark = pytest.mark.unit


def who(name: str, told: Told) -> tuple[str, int]:
    for done in (1, 2, 3):
        told(done)
    return name, os.getpid()


def refuse(name: str, told: Told) -> str:
    if name == "b":
        raise UsageError(f"{name} is no trace", hint="another one")
    return name


def test_results_come_in_the_files_order_and_from_other_processes() -> None:
    found = each(who, ["a", "b", "c"], 9, jobs=2)
    assert [name for name, _ in found] == ["a", "b", "c"]
    assert os.getpid() not in {pid for _, pid in found}


def test_all_that_is_read_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(progress.Progress, "update", lambda _self, done: seen.append(done))
    each(who, ["a", "b", "c"], 9, jobs=3)
    assert seen[-1] == 9
    assert seen == sorted(seen)


def test_what_one_raises_is_raised() -> None:
    with pytest.raises(UsageError, match="b is no trace") as caught:
        each(refuse, ["a", "b", "c"], 3, jobs=2)
    assert caught.value.hint == "another one"


def test_nothing_to_read() -> None:
    assert each(who, [], 0, jobs=2) == []
