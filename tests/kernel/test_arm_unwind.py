"""ktrace.kernel.arm_unwind: instructions of the ARM exception handling ABI, executed."""

from __future__ import annotations

import json
import zlib
from typing import Any

import pytest

from ktrace.kernel.arm_unwind import FORMAT, ArmUnwinder

pytestmark = pytest.mark.unit

SCHEDULE, WAITER, MODULE, ENTRY = 0xC0100000, 0xC0200000, 0xBF000000, 0xC0300000
SP = 0xE0001000
NAMES = {
    SCHEDULE + 0x40: "__schedule+0x40",
    WAITER + 0x10: "wait+0x10",
    MODULE + 0x20: "cache_get+0x8 [squashfs]",
    ENTRY + 4: "entry+0x4",
}


def unwinder(wait: str, **changes: Any) -> ArmUnwinder:
    """wait: the instructions of wait(), in hex."""
    described = {
        "format": FORMAT,
        "schedule": SCHEDULE,
        "text": [SCHEDULE, 0xC0400000],
        # __schedule() has pushed {r4, fp, lr}; entry() is where the stack ends
        "kernel": {
            "at": [SCHEDULE, WAITER, ENTRY],
            "uses": [0, 1, 2],
            "instructions": ["8481b0", wait, ""],
        },
        "modules": {
            "squashfs": {
                "functions": {"cache_get": 0x18},
                "at": [0, 0x18],
                "uses": [0, 1],
                "instructions": ["b0b0b0", "01a8b0"],
            }
        },
    }
    return ArmUnwinder(zlib.compress(json.dumps(described | changes).encode()))


def registers(fp: int = 0) -> list[int]:
    return [4, 5, 6, 7, 8, 9, 10, fp, SP, SCHEDULE + 0x40]


def frames(tables: ArmUnwinder, words: list[int], fp: int = 0) -> list[str]:
    found = tables.frames(registers(fp), words, lambda address: NAMES.get(address, hex(address)))
    return [NAMES.get(address, hex(address)) for address in found]


WHOLE = ["__schedule+0x40", "wait+0x10", "cache_get+0x8 [squashfs]", "entry+0x4"]
# of __schedule(): r4, fp, lr; of wait(): 4 bytes, lr; of cache_get(): 8 bytes, r4, lr
STACK = [7, SP + 12, WAITER + 0x10, 0, MODULE + 0x20, 0, 0, 4, ENTRY + 4]


def test_from_the_scheduler_through_a_module_to_the_entry() -> None:
    assert frames(unwinder("008400b0"), STACK) == WHOLE


@pytest.mark.parametrize(
    ("wait", "lies"),
    [
        ("9b008400b0", [0]),  # sp = fp, which __schedule() has pushed; sp += 4
        ("b10f8400b0", [1, 2, 3, 4]),  # r0 to r3
        ("a08400b0", [4]),  # r4
        ("b200" + "8400b0", [0] * (0x204 // 4)),  # sp += 0x204
        ("4101" + "8400b0", None),  # sp -= 8, sp += 8: nothing lies there
    ],
)
def test_instructions(wait: str, lies: list[int] | None) -> None:
    own = lies if lies is not None else []
    stack = [*STACK[:3], *own, *STACK[4:]]
    assert frames(unwinder(wait), stack) == WHOLE


def test_a_stack_that_is_not_all_there_ends_where_it_does() -> None:
    assert frames(unwinder("008400b0"), STACK[:4]) == WHOLE[:2]
    assert frames(unwinder("8000"), STACK) == WHOLE[:2]  # refuse to unwind
    assert frames(unwinder("c9"), STACK) == WHOLE[:2]  # of floating point
    backwards = [*STACK[:3], *STACK[4:]]
    assert frames(unwinder("7f8400b0"), backwards) == WHOLE[:2]


def test_a_return_address_that_is_none_is_no_frame() -> None:
    assert frames(unwinder("008400b0"), [*STACK[:4], 0x1234, *STACK[5:]]) == WHOLE[:2]


def test_a_module_without_tables_is_the_last_frame() -> None:
    assert frames(unwinder("008400b0", modules={}), STACK) == WHOLE[:3]


def test_tables_of_another_build_give_nothing() -> None:
    assert frames(unwinder("008400b0", schedule=SCHEDULE + 0x40), STACK) == []


@pytest.mark.parametrize("data", [b"", b"no tables", zlib.compress(b"{}"), zlib.compress(b"[]")])
def test_what_is_no_table_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        ArmUnwinder(data)
    with pytest.raises(ValueError, match="format"):
        unwinder("b0", format=FORMAT + 1)
