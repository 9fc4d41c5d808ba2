"""bpf/events.h, what is compiled from it, and what Python makes of it agree, name by name."""

from __future__ import annotations

import ctypes
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from ktrace.events import EVENTS
from ktrace.kernel.gfp import GfpFlags
from ktrace.kernel.task_state import TaskStates
from ktrace.probes.bcc_program import PARTS
from ktrace.probes.wire import wire
from ktrace.sources.live.decode.decoder import Decoder
from ktrace.sources.live.decode.pages import PageDecoder

pytestmark = pytest.mark.unit

BPF = Path(__file__).parents[2] / "bpf"
NO_EVENTS = {"MAP_UPDATE", "EVENT_KINDS"}
# the loader or the reader of waits has these, or Python in the type of the event
NOT_DECODED = {"kind", "size", "__pad", "address"}


def text_of(path: Path) -> str:
    """Without comments."""
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(), flags=re.DOTALL)


def kinds() -> set[str]:
    enum = re.search(r"enum event_kind \{(.*?)\};", text_of(BPF / "events.h"), re.DOTALL)
    assert enum
    return set(re.findall(r"(\w+),", enum[1])) - NO_EVENTS


def event_structs() -> set[str]:
    """All that begin with a struct event."""
    return set(re.findall(r"struct (\w+) \{\s*struct event event;", text_of(BPF / "events.h")))


@pytest.fixture
def decoder() -> Decoder:
    states = TaskStates.from_format(None, has_frozen_function=False)
    return Decoder(states, GfpFlags(()), None, PageDecoder.of_kernel(None))


def test_each_kind_has_its_struct_and_each_struct_its_kind() -> None:
    assert {kind.lower() for kind in kinds()} == event_structs()


def test_each_event_has_its_layout_its_decoder_and_its_type(decoder: Decoder) -> None:
    assert set(wire().kinds) - NO_EVENTS == kinds()
    assert set(decoder.decoders) == kinds()
    for kind in kinds():
        layout = wire().layouts[kind.lower()]
        raw = layout()
        assert decoder.decode((kind, raw)).name == kind.lower()
        assert EVENTS[kind.lower()].name == kind.lower()


def test_each_member_of_an_event_is_decoded(decoder: Decoder) -> None:
    """A member that nobody reads is one that somebody forgot."""
    for kind in kinds():
        read: set[str] = set()
        layout = wire().layouts[kind.lower()]

        class Watched(layout):  # type: ignore[misc, valid-type]
            def __getattribute__(self, name: str) -> Any:
                read.add(name)  # noqa: B023
                return super().__getattribute__(name)

        raw = Watched()
        raw.memcg_oom = raw.stack_len = raw.state = raw.off_cpu_t = raw.cpu = raw.has_cgroup = 1
        decoder.decode((kind, raw))
        members = {name for name, _ in layout._fields_} - NOT_DECODED
        assert not members - read, kind


def test_enumerators_are_spelled_as_in_json() -> None:
    assert list(wire().words("kill_mark").items()) == [(1, "pending"), (2, "shared"), (4, "group")]
    assert wire().words("state_source") == {0: "walk", 1: "switch", 2: "sampled"}
    assert wire().words("reap_step") == {0: "wake", 1: "start", 2: "finish", 3: "skip"}
    calls = {0: "out_of_memory", 1: "reclaim_retry_zone", 2: "compact_retry"}
    assert wire().words("oom_call") == calls
    results = {0: "killed", 1: "nobody", 2: "waits", 3: "other"}
    assert results.items() <= wire().words("oom_result").items()
    assert set(results.values()) <= {field.name for field in fields(EVENTS["oom_activity"])}


def test_an_event_of_no_known_kind_or_cut_short_is_none() -> None:
    layout = wire().layouts["task_hung"]
    raw: Any = layout()
    raw.event.kind = wire().kinds["TASK_HUNG"]
    received = wire().event(ctypes.addressof(raw), ctypes.sizeof(raw))
    assert received is not None
    assert received[0] == "TASK_HUNG"
    assert wire().event(ctypes.addressof(raw), ctypes.sizeof(raw) - 1) is None
    raw.event.kind = 999
    assert wire().event(ctypes.addressof(raw), ctypes.sizeof(raw)) is None


# A tracepoint's formatted struct moves: comm of sched_process_hang became a dynamic string in 7.0.
# Its raw arguments are those of TP_PROTO, and their types are in the kernel's BTF.
RAW = {"tp_btf", "raw_tp", "fentry", "fexit", "kprobe", "kretprobe", "iter", "license", ".maps"}
RAW.add("perf_event")
FORMATTED = re.compile(r"TRACEPOINT_PROBE|trace_event_raw_\w+|\bargs->|tracepoint__\w+")


@pytest.mark.parametrize("path", sorted(BPF.glob("*.bpf.[ch]")), ids=lambda path: path.name)
def test_programs_read_raw_arguments(path: Path) -> None:
    text = text_of(path)
    assert {section.partition("/")[0] for section in re.findall(r'SEC\("([^"]+)"\)', text)} <= RAW
    assert not FORMATTED.search(text)


@pytest.mark.parametrize("part", PARTS)
def test_bcc_programs_read_raw_arguments(part: str) -> None:
    text = text_of(BPF / "bcc" / f"{part}.c")
    assert not FORMATTED.search(text)
    contexts = dict(re.findall(r"^int (\w+)\((struct \w+) \*ctx\)", text, re.MULTILINE))
    for name, context in contexts.items():
        kprobe = name.startswith(("kprobe_", "kretprobe_"))
        assert context == ("struct pt_regs" if kprobe else "struct bpf_raw_tracepoint_args"), name
