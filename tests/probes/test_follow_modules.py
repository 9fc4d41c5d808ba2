"""The loader follows modules that come, go and come again, without a kernel."""

from __future__ import annotations

from typing import Any

import pytest

from ktrace.findings import Probe
from ktrace.probes import libbpf_loader
from ktrace.probes.libbpf_loader import LibbpfLoader

pytestmark = pytest.mark.unit


class FakeBtf:
    opened = 0

    def __init__(self) -> None:
        FakeBtf.opened += 1
        self._open = True

    def tracepoint_arguments(self, name: str) -> tuple[str, ...]:
        return ("int", "ptr", "ptr", "int")

    def close(self) -> None:
        FakeBtf.opened -= self._open
        self._open = False


class FakeObject:
    """Stands for a BpfObject; notes what is done to it."""

    made: list[FakeObject]

    def __init__(self, name: str, hooks: object, knobs: object, shared: dict[str, int]) -> None:
        self.name, self.state = name, "new"
        FakeObject.made.append(self)

    def attach(self) -> list[Probe]:
        self.state = "attached"
        return [Probe(f"{self.name} function", "kprobe", "attached")]

    def close(self) -> None:
        self.state = "closed"


class Modules:
    """module_instance() of a machine where only squashfs comes and goes."""

    instance: int | None = None

    def __call__(self, module: str) -> int | None:
        assert module == "squashfs"
        return self.instance


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Modules:
    found = Modules()
    FakeObject.made = []
    FakeBtf.opened = 0
    monkeypatch.setattr(libbpf_loader, "require_tracing", lambda: None)
    monkeypatch.setattr(libbpf_loader, "kernel_types", lambda _file: FakeBtf())
    monkeypatch.setattr(libbpf_loader, "BpfObject", FakeObject)
    monkeypatch.setattr(libbpf_loader, "module_instance", found)
    return found


def start() -> Any:
    """A loader whose objects are attached; the ring is no concern here."""
    loader = LibbpfLoader({})
    for name in libbpf_loader.OBJECTS:
        loader._attach_object(name)
    loader.btf.close()
    return loader


def states(name: str) -> list[str]:
    """Of the objects of that name, in the order in which they were made."""
    return [made.state for made in FakeObject.made if made.name == name]


def test_nothing_changes_while_the_module_stays_away(modules: Modules) -> None:
    loader = start()
    assert loader.follow_modules() == []
    assert states("squashfs") == ["attached"]


def test_module_that_comes_is_attached_once(modules: Modules) -> None:
    loader = start()
    modules.instance = 100
    probes = loader.follow_modules()
    assert [probe.function for probe in probes] == ["squashfs function"]
    assert states("squashfs") == ["closed", "attached"]
    assert loader.follow_modules() == []


def test_module_loaded_anew_is_attached_anew(modules: Modules) -> None:
    """Its old probes are silently dead, though a module of that name is there all the time."""
    modules.instance = 100
    loader = start()
    modules.instance = 101
    assert loader.follow_modules()
    assert states("squashfs") == ["closed", "attached"]


def test_module_that_goes_is_noticed(modules: Modules) -> None:
    modules.instance = 100
    loader = start()
    modules.instance = None
    assert loader.follow_modules()
    assert loader.follow_modules() == []


def test_other_objects_are_left_alone(modules: Modules) -> None:
    loader = start()
    modules.instance = 100
    loader.follow_modules()
    for name in ("tasks", "oom", "pages"):
        assert states(name) == ["attached"]


def test_types_of_the_kernel_are_kept_only_while_needed(modules: Modules) -> None:
    loader = start()
    assert FakeBtf.opened == 0
    modules.instance = 100
    loader.follow_modules()
    assert FakeBtf.opened == 0
    loader.close()
    assert FakeBtf.opened == 0
    assert {made.state for made in FakeObject.made} == {"closed"}
