"""What records share with frozen dataclasses."""

from dataclasses import field, fields, is_dataclass, replace

import pytest

from ktrace.record import record

pytestmark = pytest.mark.unit


@record(kw_only=True)
class _Base:
    t: float


@record(kw_only=True)
class _Point(_Base):
    x: int
    y: int = 2
    note: str = field(default="", compare=False)


@record
class _Single:
    value: tuple[int, ...] = ()


@record
class _Empty:
    pass


@record
class _Named:
    name: str

    def __str__(self) -> str:
        return self.name

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 1


def test_equal_when_the_compared_members_are() -> None:
    assert _Point(t=1.0, x=1) == _Point(t=1.0, x=1, y=2, note="other")
    assert _Point(t=1.0, x=1) != _Point(t=1.0, x=2)
    assert _Single((1,)) == _Single((1,))
    assert _Single((1,)) != (1,)
    assert _Empty() == _Empty() != _Single()


def test_equal_records_have_equal_hashes() -> None:
    assert len({_Point(t=1.0, x=1), _Point(t=1.0, x=1, note="other"), _Single(), _Single()}) == 2
    assert len({_Empty(), _Empty()}) == 1


def test_a_record_of_another_class_is_another_one() -> None:
    assert _Base(t=1.0) != _Point(t=1.0, x=1)


def test_shown_as_it_is_written() -> None:
    assert repr(_Point(t=1.0, x=1)) == "_Point(t=1.0, x=1, y=2, note='')"


def test_is_a_dataclass_with_slots() -> None:
    assert is_dataclass(_Point)
    assert [each.name for each in fields(_Point)] == ["t", "x", "y", "note"]
    assert replace(_Point(t=1.0, x=1), y=3) == _Point(t=1.0, x=1, y=3)
    assert not hasattr(_Point(t=1.0, x=1), "__dict__")


def test_its_own_methods_stay() -> None:
    assert _Named("a") == _Named("b")
    assert hash(_Named("a")) == 1
    assert str(_Named("a")) == "a"
