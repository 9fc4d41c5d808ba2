"""ktrace.typed_json: strict about types, tolerant of what is new."""

from dataclasses import dataclass, field

import pytest

from ktrace.typed_json import Hex, build

pytestmark = pytest.mark.unit


@dataclass(frozen=True)
class Inner:
    number: int


@dataclass(frozen=True)
class Outer:
    t: float
    inner: Inner | None
    names: tuple[str, ...]
    counts: dict[str, int] = field(default_factory=dict)
    note: str = "-"


GOOD = {"t": 1.5, "inner": {"number": 2}, "names": ["a"], "counts": {"b": 3}, "note": "n"}


def test_an_empty_number_is_not_known() -> None:
    assert build(Numbers, {"flags": "", "page": ""}, "record") == Numbers("", None)
    assert build(Numbers, {"flags": "0x1", "page": "f"}, "record") == Numbers("0x1", "f")


def test_everything_given() -> None:
    assert build(Outer, GOOD, "x") == Outer(1.5, Inner(2), ("a",), {"b": 3}, "n")


def test_defaults_and_none_and_whole_numbers() -> None:
    built = build(Outer, {"t": 1, "inner": None, "names": []}, "x")
    assert built == Outer(1.0, None, ())
    assert type(built.t) is float


def test_unknown_keys_are_ignored() -> None:
    assert build(Inner, {"number": 1, "new": []}, "x") == Inner(1)


@dataclass(frozen=True)
class Numbers:
    flags: Hex
    page: Hex | None


@dataclass(frozen=True)
class Printed:
    bits: Hex
    more: tuple[Hex, ...] = ()


@pytest.mark.parametrize("text", ["", "0x1f", "1F", "f" * 16])
def test_hexadecimal_numbers(text: str) -> None:
    assert build(Printed, {"bits": text, "more": [text]}, "x") == Printed(text, (text,))


@pytest.mark.parametrize("text", ["-1", "0x", "0x-1", " 1", "(null)", "0xg", "f" * 17, "1\n"])
def test_what_is_no_hexadecimal_number(text: str) -> None:
    with pytest.raises(ValueError, match="bits is not a hexadecimal number"):
        build(Printed, {"bits": text}, "x")


@pytest.mark.parametrize("number", [2**64 + 1, -(2**63) - 1])
def test_integers_are_words_of_a_machine(number: int) -> None:
    with pytest.raises(ValueError, match="more than 64 bits"):
        build(Inner, {"number": number}, "x")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"t": "1"}, "t is not a number"),
        ({"t": True}, "t is not a number"),
        ({"t": float("inf")}, "t is no plausible number"),
        ({"t": 10**400}, "t is no plausible number"),
        ({"inner": 3}, "inner is not an object"),
        ({"inner": {}}, "inner has no number"),
        ({"inner": {"number": True}}, "number is not of type int"),
        ({"inner": {"number": 1.0}}, "number is not of type int"),
        ({"names": "abc"}, "names is not a list"),
        ({"names": [None]}, "names is not of type str"),
        ({"counts": [1]}, "counts is not an object"),
        ({"counts": {"a": "b"}}, "counts is not of type int"),
        ({"note": None}, "note is not of type str"),
    ],
)
def test_wrong_types_are_named(change: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=f"^{why}$"):
        build(Outer, GOOD | change, "x")


def test_not_even_an_object() -> None:
    with pytest.raises(ValueError, match=r"^x is not an object$"):
        build(Outer, [], "x")
