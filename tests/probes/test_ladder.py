"""ktrace.probes.ladder: which rung is taken, and what is said against the others."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path
from typing import Any

import pytest

from ktrace.probes import ladder
from ktrace.probes.ladder import KernelHooks, Ladder, Rung, ladders, module_instance, rung_of

pytestmark = pytest.mark.unit


class FakeBtf:
    """A kernel with these functions, tracepoints and structs."""

    width = 8

    def __init__(
        self, functions: tuple[str, ...] = (), tracepoints: tuple[str, ...] = (), *structs: str
    ) -> None:
        self.functions, self.tracepoints, self.structs = functions, tracepoints, structs

    def function(self, name: str) -> int | None:
        return 7 if name in self.functions else None

    def tracepoint_arguments(self, name: str) -> tuple[str, ...] | None:
        return ("int",) if name in self.tracepoints else None

    def has_struct(self, name: str) -> bool:
        return name in self.structs

    def word_bytes(self) -> int:
        return self.width


class FakeLibbpf:
    """Answers of the kernel to the trial program: a descriptor, or minus an errno."""

    def __init__(self, load: int, attach: int) -> None:
        self.load, self.attach = load, attach
        self.attached: list[int] = []

    def bpf_prog_load(self, *arguments: Any) -> int:
        self.options = arguments[-1]._obj
        return self._answer(self.load)

    def bpf_raw_tracepoint_open(self, name: None, program: int) -> int:
        self.attached.append(program)
        return self._answer(self.attach)

    @staticmethod
    def _answer(value: int) -> int:
        if value < 0:
            ctypes.set_errno(-value)
            return -1
        return value


@pytest.fixture
def descriptors() -> list[int]:
    """Two that a fake kernel may give away."""
    return [os.open(os.devnull, os.O_RDONLY) for _ in range(2)]


def hooks(btf: FakeBtf) -> KernelHooks:
    return KernelHooks(btf)  # type: ignore[arg-type]


def use(monkeypatch: pytest.MonkeyPatch, load: int, attach: int = -1) -> FakeLibbpf:
    fake = FakeLibbpf(load, attach)
    monkeypatch.setattr(ladder, "lib", lambda: fake)
    return fake


def test_rung_from_a_section_name() -> None:
    assert rung_of("p", "fentry/bad_page") == Rung("p", "fentry", "bad_page")
    assert rung_of("p", "raw_tp/mark_victim").function == "mark_victim"


def test_ladders_keep_the_order_of_the_object() -> None:
    rungs = [
        rung_of("a", "fentry/x"),
        rung_of("b", "tp_btf/y"),
        rung_of("c", "kprobe/x"),
    ]
    built = list(ladders(rungs))
    assert [found.function for found in built] == ["x", "y"]
    assert [rung.hook for rung in built[0].rungs] == ["fentry", "kprobe"]


def test_best_is_the_first_rung_that_nothing_speaks_against() -> None:
    found = Ladder("x", [rung_of("a", "fentry/x"), rung_of("b", "kprobe/x")])
    assert found.best() == found.rungs[0]
    assert found.why_not() == ""
    found.refused["fentry"] = "no"
    assert found.best() == found.rungs[1]
    found.refused["kprobe"] = "not this either"
    assert found.best() is None
    assert found.why_not() == "fentry: no; kprobe: not this either"


@pytest.mark.parametrize(
    ("section", "why"),
    [
        ("tp_btf/here", ""),
        ("raw_tp/here", ""),
        ("tp_btf/gone", "no such tracepoint"),
        ("raw_tp/gone", "no such tracepoint"),
        ("iter/task", ""),
        ("iter/map", "no task iterator"),
        ("uprobe/anything", ""),
    ],
)
def test_refusals_from_btf(section: str, why: str) -> None:
    known = hooks(FakeBtf((), ("here",), "bpf_iter__task"))
    answer = known.refusal(rung_of("p", section))
    assert why in answer
    assert bool(answer) == bool(why)


def test_no_kretprobe_cuts_the_traces_of_32_bit_arm(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pmu = tmp_path / "type"
    pmu.write_text("8\n")
    monkeypatch.setattr(ladder, "KPROBE_PMU", str(pmu))
    btf = FakeBtf()
    assert not hooks(btf).refusal(rung_of("p", "kretprobe/out_of_memory"))
    btf.width = 4
    assert "stack traces" in hooks(btf).refusal(rung_of("p", "kretprobe/out_of_memory"))
    assert not hooks(btf).refusal(rung_of("p", "kprobe/out_of_memory"))


@pytest.mark.parametrize("there", [True, False])
def test_kprobes_are_asked_of_sysfs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, there: bool
) -> None:
    pmu = tmp_path / "type"
    if there:
        pmu.write_text("8\n")
    monkeypatch.setattr(ladder, "KPROBE_PMU", str(pmu))
    answer = hooks(FakeBtf()).refusal(rung_of("p", "kprobe/bad_page"))
    assert answer == ("" if there else "this kernel has no kprobes")


def test_fentry_needs_the_function_in_btf(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, load=-errno.EPERM)
    answer = hooks(FakeBtf()).refusal(rung_of("p", "fentry/bad_page"))
    assert answer == "the function is not in the kernel's BTF"


def test_fentry_of_a_module_is_left_to_libbpf(monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, load=-errno.EPERM)
    assert hooks(FakeBtf()).refusal(rung_of("p", "fentry/squashfs_cache_get")) == ""


def test_fentry_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = use(monkeypatch, load=-errno.EPERM)
    answer = hooks(FakeBtf(("bad_page",))).refusal(rung_of("p", "fentry/bad_page"))
    assert answer == "the kernel refuses to load it: Operation not permitted"
    assert fake.options.attach_btf_id == 7
    assert fake.attached == []


def test_fentry_that_loads_but_does_not_attach(
    monkeypatch: pytest.MonkeyPatch, descriptors: list[int]
) -> None:
    program, unused = descriptors
    fake = use(monkeypatch, load=program, attach=-errno.EBUSY)
    answer = hooks(FakeBtf(("bad_page",))).refusal(rung_of("p", "fentry/bad_page"))
    assert answer == "cannot attach: Device or resource busy"
    assert fake.attached == [program]
    assert _is_closed(program)
    os.close(unused)


def test_fentry_that_holds_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, descriptors: list[int]
) -> None:
    program, link = descriptors
    use(monkeypatch, load=program, attach=link)
    assert hooks(FakeBtf(("bad_page",))).refusal(rung_of("p", "fentry/bad_page")) == ""
    assert _is_closed(program)
    assert _is_closed(link)


def test_functions_of_modules_are_present_with_their_module(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    instance: int | None = None
    monkeypatch.setattr(ladder, "module_instance", lambda module: instance)
    assert hooks(FakeBtf()).present("bad_page")
    assert not hooks(FakeBtf()).present("squashfs_cache_get")
    assert hooks(FakeBtf(("squashfs_cache_get",))).present("squashfs_cache_get"), "built in"
    instance = 42
    assert hooks(FakeBtf()).present("squashfs_cache_get")


@pytest.mark.parametrize("built_in", [False, True])
def test_a_btf_file_has_functions_of_modules_that_are_not_loaded(
    monkeypatch: pytest.MonkeyPatch, built_in: bool
) -> None:
    monkeypatch.setattr(ladder, "module_instance", lambda module: None)
    monkeypatch.setattr(ladder, "is_built_in", lambda function: built_in)
    btf: Any = FakeBtf(("squashfs_cache_get",))
    assert KernelHooks(btf, "board.btf").present("squashfs_cache_get") == built_in


def test_module_that_is_not_there() -> None:
    assert module_instance("no_such_module") is None


def _is_closed(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return True
    return False


@pytest.mark.parametrize(
    ("section", "function"),
    [
        ("fexit/out_of_memory", "out_of_memory:return"),
        ("kretprobe/out_of_memory", "out_of_memory:return"),
        ("fentry/out_of_memory", "out_of_memory"),
    ],
)
def test_a_function_s_return_has_a_ladder_of_its_own(section: str, function: str) -> None:
    rung = rung_of("program", section)
    assert (rung.function, rung.target) == (function, "out_of_memory")
