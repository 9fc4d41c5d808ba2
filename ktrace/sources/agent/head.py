"""What an agent says of its board before the first event: lines, files, probes."""

import os
from contextlib import suppress

from ktrace.errors import CannotTrace
from ktrace.findings import Probe
from ktrace.kernel.btf import Btf
from ktrace.kernel.libbpf import LibbpfError
from ktrace.probes.wire import wire
from ktrace.record import record

_MOST_BYTES = 48 << 20  # of all files; a kernel's BTF has up to some 10 MB
_MOST_FILES = 32
_STATES = ("attached", "waiting", "missing")


@record
class Board:
    """The machine that the agent runs on."""

    host: str
    release: str
    machine: str
    boot_id: str
    build_id: str  # of its kernel
    wall: str  # UTC, at t
    t: float
    page_size: int  # bytes
    word_size: int  # bytes, of the kernel's pointers and longs
    functions: int  # in its kallsyms; 0: it hides addresses
    has_frozen: bool  # a function frozen()
    agent: str  # version
    warnings: tuple[str, ...]


def board_of(payload: bytes) -> Board:
    """Of a frame HEAD. Raises CannotTrace where the agent is another ktrace's, ValueError."""
    lines = [line.partition(" ") for line in payload.decode(errors="backslashreplace").split("\n")]
    said = {name: value for name, _, value in lines}
    if said.get("wire") != wire().digest():
        raise CannotTrace(
            f"the agent is of another ktrace (version {said.get('agent', '?')}), "
            "and its events are not those of this one",
            hint="build it again: ktrace agent build",
        )
    board = Board(
        host=said.get("host", ""),
        release=said.get("release", ""),
        machine=said.get("machine", ""),
        boot_id=said.get("boot_id", ""),
        build_id=said.get("build_id", ""),
        wall=said.get("wall", ""),
        t=int(said.get("t", "")) / 1e9,
        page_size=int(said.get("page_size", "")),
        word_size=int(said.get("word_size", "")),
        functions=int(said.get("functions", "")),
        has_frozen=said.get("frozen") == "1",
        agent=said.get("agent", ""),
        warnings=tuple(value for name, _, value in lines if name == "warning"),
    )
    if board.page_size < 1024 or board.word_size not in (4, 8):
        raise ValueError("pages or words of no kernel")
    return board


def probe_of(payload: bytes) -> Probe:
    """Of a frame PROBE. Raises ValueError."""
    lines = payload.decode(errors="backslashreplace").split("\n")
    if len(lines) < 4 or lines[2] not in _STATES:
        raise ValueError("no probe")
    return Probe(lines[0], lines[1], lines[2], lines[3])


class Files:
    """Texts that come in pieces, by name."""

    def __init__(self) -> None:
        self._pieces: dict[str, bytearray] = {}
        self._bytes = 0

    def add(self, payload: bytes) -> None:
        """A frame FILE. What is too much is left out: the file is of no use then."""
        name, _, piece = payload.partition(b"\0")
        key = name.decode(errors="backslashreplace")
        if key not in self._pieces and len(self._pieces) >= _MOST_FILES:
            return
        known = self._pieces.setdefault(key, bytearray())
        if self._bytes + len(piece) <= _MOST_BYTES:
            known += piece
            self._bytes += len(piece)

    def take(self, name: str) -> str:
        """The text, "" where none came; it is gone then."""
        return self._take(name).decode(errors="backslashreplace")

    def take_btf(self) -> Btf | None:
        """The kernel's types; None where they did not come, or cannot be read."""
        data = self._take("btf")
        if not data:
            return None
        fd = os.memfd_create("btf")
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            with suppress(LibbpfError):
                return Btf.of_file(f"/proc/self/fd/{fd}")
        return None

    def _take(self, name: str) -> bytearray:
        data = self._pieces.pop(name, bytearray())
        self._bytes -= len(data)
        return data
