"""Addresses of stacks as symbols."""

import ctypes
import struct
from functools import lru_cache
from typing import Any

from ktrace.events import Stack
from ktrace.kernel.arm_unwind import ArmUnwinder
from ktrace.kernel.symbols import Symbols
from ktrace.kernel.wait_functions import function_of, is_scheduler, primitive_name

# Tasks that wait for the same have the same stack. Memory is locked: no more than these are kept,
# and what falls out is named again when it is seen again.
KEPT = 512

# Frames of the tracer itself, with which a stack taken in sched_switch begins
_TRACER = ("bpf_trace_run", "__traceiter_", "__bpf_trace_")
_TRACER_DEPTH = 12

# mm/memory.c, mm/oom_kill.c: what a page fault goes through on every architecture
_FAULT = frozenset({"handle_mm_fault", "__handle_mm_fault", "pagefault_out_of_memory"})


class Stacks:
    """Names stacks by the symbols that it was given last."""

    def __init__(self, word_bytes: int = 8, unwinder: ArmUnwinder | None = None) -> None:
        """word_bytes: of a word of the kernel's memory; addresses of frames always have 8.
        unwinder: of a kernel without frame pointers."""
        self._words = struct.Struct(f"={'Q' if word_bytes == 8 else 'I'}")
        self._unwinder = unwinder
        self.use(Symbols(()))

    def use(self, symbols: Symbols) -> None:
        self.symbols = symbols
        self._named = lru_cache(maxsize=KEPT)(self._name)
        self._unwound = lru_cache(maxsize=KEPT)(self._unwind)

    def of(self, raw: Any) -> Stack:
        """Of a struct with stack and stack_len, innermost first."""
        if _is_to_unwind(raw) and (unwound := self._unwound(*_saved(raw))[1]):
            return unwound
        if frames := getattr(raw, "frames", None):  # from /proc: already names
            return tuple(frames)
        return self._named(bytes(raw.stack)[: raw.stack_len * ctypes.sizeof(ctypes.c_uint64)])

    def top(self, raw: Any) -> Stack:
        """Return addresses of __sched functions between the stack pointer and the first frame.

        A scan: a word that an earlier call left behind may be among them.
        """
        frames = getattr(raw, "frames", None)
        if _is_to_unwind(raw):
            return self._unwound(*_saved(raw))[0]
        if not (frames or raw.stack_len) or not raw.state:
            return ()
        names: list[str] = []
        for (word,) in self._words.iter_unpack(bytes(raw.top)):
            name = self.symbols.return_address(word)
            if name == frames[0] if frames else word == raw.stack[0]:
                return tuple(names)
            if name and _sleeps_in(name):
                names.append(name)
        return ()  # the first frame is further away: this is not its stack

    def callers_of(self, function: str, raw: Any) -> Stack:
        """The stack above the hooked function: without it, and what runs the probe."""
        names = self.of(raw)
        for index, name in enumerate(names[:_TRACER_DEPTH]):
            if function_of(name) == function:
                return names[index + 1 :]
        return names

    def possible(self, raw: Any) -> Stack:
        """Where not all frames of a sleeper are known: return addresses on its stack. The true ones
        are among them, in their order, and what earlier calls left behind."""
        if not _is_to_unwind(raw) or self._unwound(*_saved(raw))[1]:
            return ()
        words = (word for (word,) in self._words.iter_unpack(_saved(raw)[1]))
        return tuple(name for word in words if (name := self.symbols.return_address(word)))

    def _unwind(self, registers: bytes, memory: bytes) -> tuple[Stack, Stack]:
        """Those of the scheduler that are innermost, and the others, as on other architectures."""
        if self._unwinder is None:
            return (), ()
        saved, words = (struct.unpack(f"={len(x) // 4}I", x) for x in (registers, memory))
        names = [*map(self.symbols.name, self._unwinder.frames(saved, words, self.symbols.name))]
        first = next((n for n, name in enumerate(names) if not _sleeps_in(name)), len(names))
        return tuple(names[:first]), tuple(names[first:])

    def _name(self, addresses: bytes) -> Stack:
        words = memoryview(addresses).cast("Q")
        return tuple(_beneath_tracer([self.symbols.name(word) for word in words]))


def _is_to_unwind(raw: Any) -> bool:
    """A sleeper on 32-bit ARM; the last of its registers is the program counter."""
    registers = getattr(raw, "registers", (0,))
    return registers[-1] != 0 and not raw.stack_len


def _saved(raw: Any) -> tuple[bytes, bytes]:
    """Registers, and the stack from its pointer on."""
    return bytes(raw.registers), bytes(raw.top) + bytes(raw.stack)


def _sleeps_in(name: str) -> bool:
    function = function_of(name)
    return is_scheduler(function) or bool(primitive_name(function))


def _beneath_tracer(names: list[str]) -> list[str]:
    """Without the frames of BPF and tracepoint. The scheduler's own are not in the stack: the
    kernel leaves out whatever is in .sched.text (stack_trace_save_tsk(), kernel/stacktrace.c)."""
    for index in reversed(range(min(len(names), _TRACER_DEPTH))):
        if names[index].startswith(_TRACER):
            return names[index + 1 :]
    return names


def in_page_fault(stack: Stack) -> bool | None:
    """Does it come from a page fault? None where there is no stack."""
    return any(function_of(name) in _FAULT for name in stack) if stack else None
