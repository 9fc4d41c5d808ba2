"""ktrace.board: a BTF cut down answers as the whole one does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ktrace.board.asked_btf import AskedBtf
from ktrace.board.btf_cut import cut
from ktrace.board.btf_kinds import ENUM, FUNC, STRUCT, TYPEDEF
from ktrace.board.make import make
from ktrace.errors import CannotTrace, UsageError
from ktrace.kernel.btf import VMLINUX, Btf
from ktrace.kernel.layout import Layout
from ktrace.kernel.libbpf import lib
from ktrace.kernel.page_flags import PageFlags
from ktrace.kernel.page_struct import PageStruct
from ktrace.kernel.page_types import PageTypes
from ktrace.probes.catalog import PURPOSES
from ktrace.waits.table import ENUMS, WANTS
from tests.kernel.btf_blob import VOID, Blob


def kernel() -> Blob:
    """struct task has state and, in an unnamed union, comm, inner.flags, next; 200 others."""
    blob = Blob()
    char = blob.integer("char", 1, signed=True)
    word = blob.integer("long unsigned int", 4)
    inner = blob.structure("inner", 8, [("flags", word, 0), ("unused", word, 4)])
    counter = blob.typedef("atomic_t", blob.structure("", 4, [("counter", word, 0)]))
    unnamed = blob.structure("", 20, [("comm", blob.array(char, word, 16), 0), ("pad", word, 16)])
    members = [
        ("state", blob.const(word), 0),
        ("pad", word, 4),
        ("", unnamed, 8),
        ("inner", inner, 28),
        ("count", counter, 36),
    ]
    task = blob.structure("task", 48, [*members, ("next", blob.pointer(char), 40)])
    prototype = blob.prototype(VOID, [blob.pointer(VOID), word, blob.pointer(task)])
    blob.typedef("btf_trace_switch", blob.pointer(prototype))
    blob.function("frozen", prototype)
    blob.enum("constraint", {"NONE": 0, "SET": 3})
    for number in range(200):
        blob.structure(f"other_{number}", 4, [("state", word, 0)])
    return blob


MEMBERS = {"state", "comm", "inner", "flags", "count", "counter", "next"}
TYPES = {
    ("task", STRUCT),
    ("constraint", ENUM),
    ("frozen", FUNC),
    ("btf_trace_switch", TYPEDEF),
    ("in_no_kernel", STRUCT),
}


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Btf]:
    try:
        lib()
    except CannotTrace as error:
        pytest.skip(str(error))
    path = tmp_path / "vmlinux.btf"
    path.write_bytes(bytes(kernel()))
    whole = AskedBtf.of_file(str(path))
    module = AskedBtf.of_file(str(path))
    data = cut([whole, module], TYPES, MEMBERS)
    assert len(data) < path.stat().st_size // 5
    whole.close()
    module.close()
    path.write_bytes(data)
    made = Btf.of_file(str(path))
    yield made
    made.close()


@pytest.mark.unit
def test_what_is_read_stays_where_it_was(small: Btf) -> None:
    assert small.size_of("task") == 48
    offsets = {"state": 0, "comm": 8, "inner.flags": 28, "count.counter": 36, "next": 40}
    assert {path: small.path_offset(f"task.{path}") for path in offsets} == offsets
    assert small.path_offset("task.pad") is None
    assert small.path_offset("task.inner.unused") is None
    assert small.array_length("task", "comm") is None  # it is in an unnamed struct
    assert not small.has_struct("other_1")
    assert small.word_bytes() == 4


@pytest.mark.unit
def test_enums_functions_and_tracepoints_stay(small: Btf) -> None:
    assert small.enum("constraint") == {"NONE": 0, "SET": 3}
    assert small.function("frozen")
    assert small.tracepoint_arguments("switch") == ("int", "ptr")


@pytest.mark.unit
def test_what_has_no_types_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = tmp_path / "zImage"
    image.write_bytes(b"\0" * 100)
    with pytest.raises(UsageError, match=r"zImage has no types"):
        make(str(image), ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotTrace, match=r"pahole is not installed"):
        make(str(image), ())
    with pytest.raises(UsageError, match=r"gone is no file"):
        make(str(tmp_path / "gone"), ())


@pytest.mark.kernel
def test_this_kernels_types_cut_down_answer_as_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "cut.btf"
    path.write_bytes(make(VMLINUX, ()).data)
    assert path.stat().st_size < Path(VMLINUX).stat().st_size // 50
    whole, small = Btf.of_kernel(), Btf.of_file(str(path))
    assert _answers(small) == _answers(whole)
    whole.close()
    small.close()


def _answers(btf: Btf) -> list[object]:
    layout = Layout.of(btf, WANTS)
    return [
        {path: layout.get(path) for path in WANTS},
        {name: btf.enum(name) for name in ENUMS},
        {name: (btf.function(name) is not None) for name in PURPOSES},
        {name: btf.tracepoint_arguments(name) for name in PURPOSES},
        PageFlags.of_btf(btf, ""),
        PageStruct.of_btf(btf),
        PageTypes.of_btf(btf),
    ]
