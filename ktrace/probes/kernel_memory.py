"""Reads of kernel memory by address, through bpf/memory.bpf.c."""

import ctypes
import mmap
from collections.abc import Sequence
from typing import Any, Protocol

from ktrace.kernel.btf import Btf
from ktrace.kernel.libbpf import LibbpfError, check, lib
from ktrace.package import bpf_object

PIECE = 256  # MEMORY_READ_BYTES of bpf/memory_reads.h


class Memory(Protocol):
    """What kinds of waits read through; tests have one made of bytes."""

    def read(self, address: int, size: int) -> bytes | None:
        """None where nothing can be read: the address is bad, or its memory is gone."""

    def read_all(self, wanted: Sequence[tuple[int, int]]) -> list[bytes | None]:
        """Several (address, size) at once; sizes of at most PIECE."""


def text(memory: Memory, address: int, size: int) -> str:
    """A string of at most size bytes; empty where it cannot be read."""
    data = memory.read(address, size) or b""
    return data.partition(b"\0")[0].decode(errors="backslashreplace")


class KernelMemory:
    """The program and its requests. Raises LibbpfError where it cannot be loaded: raw tracepoint
    programs can be run by BPF_PROG_TEST_RUN since v5.10, 1b4d60ec162f."""

    def __init__(self) -> None:
        path = bpf_object("memory")
        self._handle = check(
            lib().bpf_object__open_file(path.encode(), None), f"open BPF object {path}"
        )
        self._options = TestRunOptions(sz=ctypes.sizeof(TestRunOptions))
        self._reads: Any = ()
        try:
            check(lib().bpf_object__load(self._handle), "load the reader of kernel memory")
            program = lib().bpf_object__next_program(self._handle, None)
            self._program = check(lib().bpf_program__fd(program), "find the reader's program")
            self._reads = self._map_reads()
            self._run()
        except BaseException:
            self.close()
            raise

    def _map_reads(self) -> Any:
        layout = Btf.of_object(self._handle).structure("memory_read")
        handle = lib().bpf_object__next_map(self._handle, None)
        count = lib().bpf_map__max_entries(handle)
        whole = ctypes.sizeof(layout) * count
        size = -whole % mmap.PAGESIZE + whole
        shared = mmap.mmap(lib().bpf_map__fd(handle), size, mmap.MAP_SHARED)
        return (layout * count).from_buffer(shared)

    def read(self, address: int, size: int) -> bytes | None:
        pieces = [(address + at, min(PIECE, size - at)) for at in range(0, size, PIECE)]
        found = self.read_all(pieces)
        return b"".join(piece for piece in found if piece) if None not in found else None

    def read_all(self, wanted: Sequence[tuple[int, int]]) -> list[bytes | None]:
        found: list[bytes | None] = []
        for start in range(0, len(wanted), len(self._reads)):
            found += self._batch(wanted[start : start + len(self._reads)])
        return found

    def _batch(self, wanted: Sequence[tuple[int, int]]) -> list[bytes | None]:
        for request, (address, size) in zip(self._reads, wanted, strict=False):
            request.address, request.size, request.error = address & (1 << 64) - 1, size, -1
        if len(wanted) < len(self._reads):
            self._reads[len(wanted)].size = 0
        try:
            self._run()
        except LibbpfError:  # no memory for it: nothing can be read now
            return [None] * len(wanted)
        return [
            ctypes.string_at(ctypes.addressof(request.data), size) if not request.error else None
            for request, (_, size) in zip(self._reads, wanted, strict=False)
        ]

    def _run(self) -> None:
        check(
            lib().bpf_prog_test_run_opts(self._program, ctypes.byref(self._options)),
            "run the reader of kernel memory",
        )

    def close(self) -> None:
        """Also when it was not loaded."""
        self._reads = ()
        if self._handle:
            lib().bpf_object__close(self._handle)
            self._handle = 0


class TestRunOptions(ctypes.Structure):
    """struct bpf_test_run_opts of libbpf 1.x, src/bpf.h."""

    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("data_in", ctypes.c_void_p),
        ("data_out", ctypes.c_void_p),
        ("data_size_in", ctypes.c_uint32),
        ("data_size_out", ctypes.c_uint32),
        ("ctx_in", ctypes.c_void_p),
        ("ctx_out", ctypes.c_void_p),
        ("ctx_size_in", ctypes.c_uint32),
        ("ctx_size_out", ctypes.c_uint32),
        ("retval", ctypes.c_uint32),
        ("repeat", ctypes.c_int),
        ("duration", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("cpu", ctypes.c_uint32),
        ("batch_size", ctypes.c_uint32),
    )
