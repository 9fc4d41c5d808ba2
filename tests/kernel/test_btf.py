"""ktrace.kernel.btf: types from raw BTF, from the BPF objects, from the running kernel."""

from __future__ import annotations

import ctypes
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ktrace.errors import CannotTrace
from ktrace.kernel.btf import Btf
from ktrace.kernel.libbpf import LibbpfError, lib
from ktrace.package import bpf_object
from ktrace.probes.wire import OBJECTS, ON_DEMAND
from tests.kernel.btf_blob import VOID, Blob


def example() -> bytes:
    blob = Blob()
    char = blob.integer("char", 1, signed=True)
    s32 = blob.integer("int", 4, signed=True)
    u32 = blob.typedef("__u32", blob.integer("unsigned int", 4))
    u64 = blob.const(blob.typedef("__u64", blob.integer("unsigned long long", 8)))
    inner = blob.structure("inner", 8, [("number", s32, 0), ("flags", u32, 4)])
    comm, numbers = blob.array(char, u32, 16), blob.array(u64, u32, 3)
    members = [("head", inner, 0), ("comm", comm, 8), ("numbers", numbers, 24)]
    blob.structure("outer", 48, members)
    blob.structure("with_pointer", 8, [("next", blob.pointer(inner), 0)])
    blob.enum("event_kind", {"NO_EVENT": 0, "TASK_DEAD": 7, "NEGATIVE": -1})
    task = blob.pointer(inner)
    prototype = blob.prototype(VOID, [blob.pointer(VOID), u32, blob.const(task), s32])
    blob.typedef("btf_trace_switch", blob.pointer(prototype))
    blob.function("do_exit", blob.prototype(VOID, [s32]))
    knobs = [(blob.variable("first", u32), 0, 4), (blob.variable("second", u64), 8, 8)]
    blob.section(".rodata", 16, knobs)
    return bytes(blob)


@pytest.fixture
def btf(tmp_path: Path) -> Iterator[Btf]:
    _needs_libbpf()
    path = tmp_path / "example.btf"
    path.write_bytes(example())
    opened = Btf.of_file(str(path))
    yield opened
    opened.close()


@pytest.fixture(params=OBJECTS)
def object_btf(request: pytest.FixtureRequest) -> Iterator[Btf]:
    opened = Btf.of_file(bpf_object(request.param))
    yield opened
    opened.close()


def _needs_libbpf() -> None:
    try:
        lib()
    except CannotTrace as error:
        pytest.skip(str(error))


@pytest.mark.unit
def test_look_ups(btf: Btf) -> None:
    assert btf.has_struct("outer")
    assert not btf.has_struct("event_kind")
    assert btf.function("do_exit")
    assert btf.function("outer") is None
    assert btf.find("no such thing", 4) is None


@pytest.mark.unit
def test_structure_has_the_layout_of_c(btf: Btf) -> None:
    outer: Any = btf.structure("outer")
    assert ctypes.sizeof(outer) == 48
    assert [name for name, _ in outer._fields_] == ["head", "comm", "numbers"]
    assert (outer.comm.offset, outer.numbers.offset) == (8, 24)
    found = outer.from_buffer_copy(bytes(range(48)))
    assert found.head.number == 0x03020100
    assert bytes(found.comm) == bytes(range(8, 24))
    assert found.numbers[0] == 0x1F1E1D1C1B1A1918


@pytest.mark.unit
def test_sign_of_integers(btf: Btf) -> None:
    inner: Any = btf.structure("inner")
    found = inner.from_buffer_copy(b"\xff" * 8)
    assert (found.number, found.flags) == (-1, 0xFFFFFFFF)


@pytest.mark.unit
def test_structure_that_is_not_there(btf: Btf) -> None:
    with pytest.raises(LibbpfError, match="nothing"):
        btf.structure("nothing")


@pytest.mark.unit
def test_kinds_that_no_event_has(btf: Btf) -> None:
    with pytest.raises(LibbpfError, match="BTF kind 2"):
        btf.structure("with_pointer")


@pytest.mark.unit
def test_enum(btf: Btf) -> None:
    assert btf.enum("event_kind") == {"NO_EVENT": 0, "TASK_DEAD": 7, "NEGATIVE": -1}
    assert btf.enum("outer") is None


@pytest.mark.unit
def test_tracepoint_arguments_without_the_probes_own(btf: Btf) -> None:
    assert btf.tracepoint_arguments("switch") == ("int", "ptr", "int")
    assert btf.tracepoint_arguments("none") is None


@pytest.mark.unit
def test_variables_of_a_section(btf: Btf) -> None:
    assert btf.variables(".rodata") == {"first": (0, 4), "second": (8, 8)}
    assert btf.variables(".bss") == {}


@pytest.mark.unit
@pytest.mark.parametrize("content", [b"", b"\x7fELF", example()[:20], example()[:-1]])
def test_damaged_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    _needs_libbpf()
    path = tmp_path / "damaged.btf"
    path.write_bytes(content)
    with pytest.raises(LibbpfError, match=r"damaged\.btf"):
        Btf.of_file(str(path))


@pytest.mark.unit
def test_missing_file_is_an_error(tmp_path: Path) -> None:
    _needs_libbpf()
    with pytest.raises(LibbpfError, match="No such file"):
        Btf.of_file(str(tmp_path / "none"))


@pytest.mark.kernel
def test_events_have_no_hidden_padding(object_btf: Btf) -> None:
    """ctypes lays out as C does; a packed or aligned struct in events.h would break that."""
    kinds = object_btf.enum("event_kind")
    assert kinds
    for name in map(str.lower, kinds):
        if object_btf.has_struct(name):
            type_id = object_btf.find(name, 4)
            size = lib().btf__resolve_size(object_btf._handle, type_id)
            assert ctypes.sizeof(object_btf.structure(name)) == size


@pytest.mark.unit
@pytest.mark.parametrize(("size", "expected"), [(4, 4), (8, 8), (None, 8)])
def test_the_size_of_a_word(tmp_path: Path, size: int | None, expected: int) -> None:
    _needs_libbpf()
    blob = Blob()
    blob.integer("long unsigned int" if size else "int", size or 4)
    path = tmp_path / "board.btf"
    path.write_bytes(bytes(blob))
    btf = Btf.of_file(str(path))
    assert btf.word_bytes() == expected
    btf.close()


@pytest.mark.kernel
@pytest.mark.parametrize("name", [*OBJECTS, *ON_DEMAND, "memory"])
def test_objects_of_32_bit_arm_have_what_its_jit_compiles(name: str) -> None:
    """It refuses a program with an atomic operation or a division of 64 bits."""
    done = subprocess.run(
        ["llvm-objdump", "-d", "--no-show-raw-insn", bpf_object(name, "arm")],
        capture_output=True,
        text=True,
        check=True,
    )
    instructions = re.findall(r"^\s+\d+:\s+(.+)$", done.stdout, re.MULTILINE)
    assert len(instructions) > 10
    assert not [one for one in instructions if re.match(r"lock |r\d+ (/|%)=", one)]


@pytest.mark.kernel
def test_each_event_is_described_by_one_object() -> None:
    described: list[str] = []
    for name in {*OBJECTS, *ON_DEMAND} - {"tasks_raw"}:  # that is tasks, made anew
        btf = Btf.of_file(bpf_object(name))
        kinds = [kind.lower() for kind in btf.enum("event_kind") or {}]
        described += [kind for kind in kinds if btf.has_struct(kind)]
        btf.close()
    assert sorted(described) == sorted(set(kinds) - {"map_update", "event_kinds"})


@pytest.mark.kernel
def test_this_kernel() -> None:
    btf = Btf.of_kernel()
    try:
        assert btf.has_struct("task_struct")
        assert btf.function("do_exit")
        assert btf.function("no_such_function") is None
        switch = btf.tracepoint_arguments("sched_switch")
        assert switch is not None
        assert switch[:3] == ("int", "ptr", "ptr")
        assert btf.tracepoint_arguments("signal_generate") == ("int", "ptr", "ptr", "int", "int")
        constraints = btf.enum("oom_constraint")
        assert constraints
        assert constraints["CONSTRAINT_NONE"] == 0
    finally:
        btf.close()


@pytest.mark.kernel
def test_closing_twice_is_harmless() -> None:
    btf = Btf.of_kernel()
    btf.close()
    btf.close()
