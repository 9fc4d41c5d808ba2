"""Stacks of sleeping tasks on 32-bit ARM, from their saved registers and the words of their stacks.

Such a kernel has no frame pointers but unwind tables (CONFIG_UNWINDER_ARM): for each function what
it has pushed, as instructions (Exception Handling ABI for the Arm Architecture, IHI 0038, "Frame
unwinding instructions"; the kernel's own: arch/arm/kernel/unwind.c). Executed here as pyelftools
only lists them, and libunwind reads the memory of processes.
"""

import json
import re
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

FORMAT = 1
MOST_FRAMES = 64
_SP, _LR, _PC = 13, 14, 15
_MODULE_FRAME = re.compile(r"(\S+)\+0x([0-9a-f]+)(?:/\S+)? \[([^\]]+)\]")


class _Index:
    """Functions and their instructions."""

    def __init__(self, described: dict[str, Any]) -> None:
        self._at = array("I", described["at"])
        self._uses = array("I", described["uses"])
        self._instructions = [bytes.fromhex(code) for code in described["instructions"]]
        if len(self._at) != len(self._uses):
            raise ValueError("an index that does not fit")

    def of(self, address: int) -> bytes:
        """Empty: it is not known, or the stack ends here."""
        found = bisect_right(self._at, address) - 1
        return self._instructions[self._uses[found]] if found >= 0 else b""


class ArmUnwinder:
    """Of the tables that `ktrace btf make` has written."""

    def __init__(self, data: bytes) -> None:
        """Raises ValueError for anything else."""
        try:
            described = json.loads(zlib.decompress(data))
            if described["format"] != FORMAT:
                raise ValueError(f"format {described['format']} is not known")
            self._schedule = int(described["schedule"])
            self._kernel = _Index(described["kernel"])
            self._first, self._end = described["text"]
            self._modules = {
                name: (_Index(module), dict(module["functions"]))
                for name, module in described["modules"].items()
            }
        except (zlib.error, KeyError, TypeError, IndexError, OverflowError) as error:
            raise ValueError(f"no unwind tables: {error}") from None

    def frames(
        self, registers: Sequence[int], words: Sequence[int], symbol: Callable[[int], str]
    ) -> list[int]:
        """Addresses, innermost first. registers: r4 to r10, fp, sp, pc; words: from sp on; symbol:
        the kernel's name for an address, "squashfs_cache_get+0x10 [squashfs]". None where the
        tables are of another build: every sleeper sleeps in __schedule(), and that lies elsewhere
        in another."""
        state = _State(registers, words)
        found: list[int] = []
        if symbol(state.registers[_PC]) != f"__schedule+{state.registers[_PC] - self._schedule:#x}":
            return found
        while len(found) < MOST_FRAMES and state.registers[_PC]:
            address = state.registers[_PC]
            code = self._instructions(address, symbol)
            if code is None:
                break
            found.append(address)
            if not code or not state.leave(code) or state.registers[_PC] == address:
                break
        return found

    def _instructions(self, address: int, symbol: Callable[[int], str]) -> bytes | None:
        """None: it is no address of a function that is known."""
        if self._first <= address < self._end:
            return self._kernel.of(address)
        named = _MODULE_FRAME.fullmatch(symbol(address))
        index, functions = self._modules.get(named[3], (None, {})) if named else (None, {})
        if named is None:
            return None
        if index is None or named[1] not in functions:
            return b""  # a frame of a module whose tables are not there: the last that is known
        return index.of(functions[named[1]] + int(named[2], 16))


class _State:
    """Registers of a function, and then of its callers."""

    def __init__(self, saved: Sequence[int], words: Sequence[int]) -> None:
        *low, sp, pc = saved
        self.registers = [0, 0, 0, 0, *low, 0, sp, 0, pc]
        self._words, self._base = words, sp

    def leave(self, code: bytes) -> bool:
        """Into the caller; False where that cannot be told."""
        before, self._sp = self.registers[_SP], self.registers[_SP]
        self._loaded: set[int] = set()
        rest = iter(code)
        try:
            for instruction in rest:
                if instruction == 0xB0:  # finish
                    break
                self._execute(instruction, rest)
        except (IndexError, StopIteration, _Refused):
            return False
        if _PC not in self._loaded:
            self.registers[_PC] = self.registers[_LR]
        self.registers[_SP] = self._sp
        return self._sp >= before

    def _execute(self, instruction: int, rest: Any) -> None:
        if instruction < 0x80:
            size = ((instruction & 0x3F) << 2) + 4
            self._sp += size if instruction < 0x40 else -size
        elif instruction < 0x90:
            mask = (instruction & 0xF) << 8 | next(rest)
            if not mask:
                raise _Refused
            self._pop([4 + bit for bit in range(12) if mask & 1 << bit])
        elif instruction < 0xA0:
            self._sp = self.registers[instruction & 0xF]
        elif instruction < 0xB0:
            low = [*range(4, 5 + (instruction & 7))]
            self._pop([*low, _LR] if instruction & 8 else low)
        elif instruction == 0xB1:
            mask = next(rest)
            self._pop([bit for bit in range(4) if mask & 1 << bit])
        elif instruction == 0xB2:
            self._sp += 0x204 + (_uleb128(rest) << 2)
        else:
            raise _Refused  # of floating point: no code of the kernel

    def _pop(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            at = self._sp - self._base
            if at < 0 or at % 4:
                raise _Refused
            self.registers[number] = self._words[at // 4]
            self._loaded.add(number)
            self._sp += 4
        if _SP in numbers:
            self._sp = self.registers[_SP]


class _Refused(Exception):
    pass


def _uleb128(rest: Any) -> int:
    value = shift = 0
    for byte in rest:
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
    return value
