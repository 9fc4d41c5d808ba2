"""ktrace.sources.live.decode.stacks: named once, and no more of them kept than fit."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import pytest

from ktrace.sources.live.decode import stacks as module
from ktrace.sources.live.decode.stacks import Stacks

pytestmark = pytest.mark.unit


class CountingSymbols:
    def __init__(self) -> None:
        self.asked: list[int] = []

    def name(self, address: int) -> str:
        self.asked.append(address)
        return f"function_{address}+0x1"


@pytest.fixture
def symbols() -> CountingSymbols:
    return CountingSymbols()


@pytest.fixture
def stacks(symbols: CountingSymbols) -> Stacks:
    made = Stacks()
    untyped: Any = symbols
    made.use(untyped)
    return made


def raw(*addresses: int) -> Any:
    return SimpleNamespace(stack=(ctypes.c_uint64 * 64)(*addresses), stack_len=len(addresses))


def test_a_stack_is_named_once(stacks: Stacks, symbols: CountingSymbols) -> None:
    assert stacks.of(raw(1, 2)) == stacks.of(raw(1, 2)) == ("function_1+0x1", "function_2+0x1")
    assert symbols.asked == [1, 2]
    assert stacks.of(raw(1)) == ("function_1+0x1",)
    assert stacks.of(raw()) == ()


def test_no_more_are_kept_than_fit(stacks: Stacks, symbols: CountingSymbols) -> None:
    """A machine with new stacks every second must not fill the memory that ktrace has locked."""
    for address in range(1, 10 * module.KEPT):
        stacks.of(raw(address))
    assert stacks._named.cache_info().currsize == module.KEPT
    asked = len(symbols.asked)
    assert stacks.of(raw(1)) == ("function_1+0x1",)  # fell out: named again
    assert len(symbols.asked) == asked + 1


def test_other_symbols_name_all_again(stacks: Stacks) -> None:
    stacks.of(raw(1))
    later: Any = SimpleNamespace(name=lambda address: "of_a_module+0x1 [module]")
    stacks.use(later)
    assert stacks.of(raw(1)) == ("of_a_module+0x1 [module]",)


def test_the_top_of_a_32_bit_kernels_stack(stacks: Stacks) -> None:
    """Return addresses lie 4 bytes apart."""
    words = (ctypes.c_uint32 * 192)(7, 0x10, 7, 0x20, 0x30, 7)
    symbols: Any = SimpleNamespace(
        return_address={0x10: "schedule+0x1", 0x20: "mutex_lock+0x1", 0x30: "caller+0x1"}.get,
        name=str,
    )
    small = Stacks(word_bytes=4)
    small.use(symbols)
    look = raw(0x30)
    look.state, look.top = 2, (ctypes.c_uint64 * 96).from_buffer(words)
    assert small.top(look) == ("schedule+0x1", "mutex_lock+0x1")


def sleeper(**known: Any) -> Any:
    """A look on 32-bit ARM: sp 0x100, pc 0x10, and two words of the stack."""
    look = raw()
    look.state = 2
    look.registers = (ctypes.c_uint32 * 10)(*[0] * 8, 0x100, 0x10)
    look.top = (ctypes.c_uint64 * 96)(0x20_00000007, 0x30)
    vars(look).update(known)
    return look


class Unwinder:
    """Finds these frames, whatever it is given."""

    def __init__(self, *found: int) -> None:
        self.found = [*found]

    def frames(self, registers: tuple[int, ...], words: tuple[int, ...], _symbol: Any) -> list[int]:
        assert registers[-2:] == (0x100, 0x10)
        assert words[:3] == (7, 0x20, 0x30)
        return self.found


NAMED: Any = SimpleNamespace(
    return_address={0x20: "mutex_lock+0x1", 0x30: "caller+0x1"}.get,
    name={0x10: "__schedule+0x1", 0x20: "mutex_lock+0x1", 0x30: "caller+0x1"}.get,
)


def test_a_sleeper_is_unwound_where_no_frame_pointers_are() -> None:
    unwinder: Any = Unwinder(0x10, 0x20, 0x30)
    stacks = Stacks(4, unwinder)
    stacks.use(NAMED)
    assert stacks.of(sleeper()) == ("caller+0x1",)
    assert stacks.top(sleeper()) == ("__schedule+0x1", "mutex_lock+0x1")
    assert stacks.possible(sleeper()) == ()
    assert stacks.of(sleeper(frames=("caller",))) == ("caller+0x1",)  # of /proc/TID/wchan


@pytest.mark.parametrize("unwinder", [None, Unwinder()])
def test_without_tables_frames_are_possible_ones(unwinder: Any) -> None:
    stacks = Stacks(4, unwinder)
    stacks.use(NAMED)
    assert stacks.of(sleeper()) == stacks.top(sleeper()) == ()
    assert stacks.possible(sleeper()) == ("mutex_lock+0x1", "caller+0x1")
    assert stacks.of(sleeper(frames=("caller",))) == ("caller",)
    assert stacks.possible(sleeper(frames=("caller",))) == ("mutex_lock+0x1", "caller+0x1")
    running = sleeper(registers=(ctypes.c_uint32 * 10)())
    assert stacks.possible(running) == ()
