"""A task that sleeps, and the part of its kernel stack that holds its wait object."""

from collections.abc import Iterator

from ktrace.kernel.wait_functions import is_scheduler, primitive_name
from ktrace.kernel.word_width import Width
from ktrace.probes.kernel_memory import PIECE
from ktrace.record import record
from ktrace.waits.kernel import Kernel

_STACK_BYTES = 2048  # from the saved stack pointer; wait objects lie in the first few hundred


@record
class Sleeper:
    """Functions are without offsets, innermost first, the scheduler's and the wait primitives'
    included where they were found."""

    address: int  # of its task_struct
    pid: int
    tid: int
    comm: str
    functions: tuple[str, ...]
    sp: int
    stack: bytes  # from sp upward
    width: Width
    in_modules: tuple[tuple[str, str], ...] = ()  # of these, function and module, innermost first

    def holding(self, word: int) -> Iterator[int]:
        """Addresses on the stack at which that word lies, innermost first."""
        pattern = self.width.pack(word)
        at = self.stack.find(pattern)
        while at >= 0:
            if at % self.width.word == 0:
                yield self.sp + at
            at = self.stack.find(pattern, at + 1)

    def word(self, address: int) -> int | None:
        """The word at that address of the stack; None outside of what was read."""
        return self._number(address, self.width.word)

    def wide(self, address: int) -> int | None:
        """The unsigned number of 8 bytes at that address of the stack, on every kernel."""
        return self._number(address, 8)

    def _number(self, address: int, size: int) -> int | None:
        at = address - self.sp
        if not 0 <= at <= len(self.stack) - size:
            return None
        return int.from_bytes(self.stack[at : at + size], "little")

    def words(self) -> tuple[int, ...]:
        return self.width.unpack(self.stack)

    def pointers(self) -> list[int]:
        """Words that can be addresses of kernel structures, each once: a register that callees
        saved may hold what is waited for."""
        return sorted(set(filter(self.width.is_address, self.words())))

    def elsewhere(self) -> list[int]:
        """pointers() without those into its own stack."""
        return [word for word in self.pointers() if abs(word - self.sp) >= self.width.stack_size]

    def has(self, address: int) -> bool:
        return self.sp <= address < self.sp + len(self.stack)

    @property
    def function(self) -> str:
        """In which it sleeps, beneath the wait primitive's own; empty: not known."""
        own = (f for f in self.functions if not is_scheduler(f) and primitive_name(f) is None)
        return next(own, "")

    def is_in(self, *functions: str) -> bool:
        """Does it sleep beneath one of these?"""
        return any(function in functions for function in self.functions)


def stack_of(kernel: Kernel, sp: int) -> bytes:
    """What is kept of a sleeper's stack, from there upward: up to where nothing can be read."""
    wanted = [(sp + at, PIECE) for at in range(0, _STACK_BYTES, PIECE)]
    pieces = kernel.memory.read_all(wanted)
    whole = pieces.index(None) if None in pieces else len(pieces)
    return b"".join(piece or b"" for piece in pieces[:whole])
