"""ktrace.events: what goes into JSON comes out again, and nothing else does."""

from __future__ import annotations

import contextlib
import json
import re
import typing
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrace.events import EVENTS, Event, SquashfsCall, Task, from_json, to_json
from ktrace.typed_json import Hex

pytestmark = pytest.mark.unit

HEADER = Path(__file__).parent.parent / "bpf" / "events.h"
# The loader's and the source's own news; and what only kernel logs tell
NOT_FROM_BPF = {
    *("walk", "lost", "probe_change", "oom_activity", "oom_domain", "oom_memory", "task_wait"),
    "squashfs_counts",
    *("oom_report", "hung_report", "earlier_bad_page", "memory_fault"),
    *("allocation_site", "allocations_left_out", "free_blocks", "blocks_stolen"),  # of maps, /proc
    *("oom_reaped", "oom_unreaped", "task_dump", "held_locks", "alarm"),
}

# comm and paths hold anything, escapes and lone surrogates included
TEXT = st.text(max_size=20)
LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    int: st.integers(-(2**63), 2**64),
    float: st.floats(-1e12, 1e12, allow_nan=False),
    str: TEXT,
    bool: st.booleans(),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def values(annotation: Any) -> st.SearchStrategy[Any]:
    """Values of an annotation, as ktrace.events uses them."""
    if annotation in LEAVES:
        return LEAVES[annotation]
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Annotated:
        return st.from_regex(arguments[1].pattern, fullmatch=True).filter(lambda t: "\n" not in t)
    if is_dataclass(annotation):
        hints = typing.get_type_hints(annotation, include_extras=True)
        members = {field.name: values(hints[field.name]) for field in fields(annotation)}
        return st.builds(annotation, **members)  # type: ignore[arg-type]
    if typing.get_origin(annotation) is tuple:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    # a number in hexadecimal that is empty comes back as None: both are "not known"
    known = values(arguments[0])
    return st.none() | (known.filter(bool) if arguments[0] == Hex else known)


ANY_EVENT = st.one_of([values(kind) for kind in EVENTS.values()])


@given(ANY_EVENT)
def test_round_trip_through_json(event: Event) -> None:
    data = json.loads(json.dumps(to_json(event)))
    assert data["kind"] == "event"
    assert data["event"] == event.name
    assert from_json(data) == event


@pytest.mark.parametrize("name", EVENTS)
@given(data=st.data())
def test_each_class_comes_back_as_itself(name: str, data: st.DataObject) -> None:
    event = data.draw(values(EVENTS[name]))
    assert type(from_json(to_json(event))) is EVENTS[name]


@given(ANY_EVENT, st.data())
def test_replaced_member_gives_an_event_or_a_value_error(event: Event, data: st.DataObject) -> None:
    changed = to_json(event)
    changed[data.draw(st.sampled_from(sorted(changed)))] = data.draw(JSON)
    with contextlib.suppress(ValueError):
        assert isinstance(from_json(changed), Event)


@given(ANY_EVENT, st.data())
def test_missing_member_is_named(event: Event, data: st.DataObject) -> None:
    changed = to_json(event)
    optional = {f.name for f in fields(event) if f.default is not MISSING}
    removed = data.draw(st.sampled_from(sorted(changed.keys() - {"kind", "event"} - optional)))
    del changed[removed]
    with pytest.raises(ValueError, match=f"has no {removed}"):
        from_json(changed)


@given(st.dictionaries(TEXT | st.just("event"), JSON))
def test_anything_else_is_a_value_error(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="unknown event"):
        from_json(data)


@given(ANY_EVENT, TEXT, JSON)
def test_members_of_newer_versions_are_ignored(event: Event, key: str, value: Any) -> None:
    assert from_json({key: value} | to_json(event)) == event


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("t", "1.0"),
        ("t", True),
        ("t", None),
        ("t", 10**400),
        ("t", float("nan")),
        ("task", None),
        ("task", [1, 2, "comm"]),
        ("task", {"pid": 1, "tid": 1}),
        ("task", {"pid": 1, "tid": "1", "comm": "c"}),
        ("exit_code", 9.0),
        ("exit_code", False),
    ],
)
def test_wrong_types_are_value_errors(member: str, value: object) -> None:
    good = {"event": "task_dead", "t": 1, "task": to_json(Task(1, 1, "c")), "exit_code": 9}
    assert from_json(good).t == 1.0
    with pytest.raises(ValueError, match=r"\w"):
        from_json(good | {member: value})


def test_long_unknown_names_are_cut() -> None:
    with pytest.raises(ValueError, match="unknown event") as raised:
        from_json({"event": "x" * 10000})
    assert len(str(raised.value)) < 100


# bpf/events.h against the classes --------------------------------------------------------------


def c_structs() -> dict[str, list[str]]:
    """struct name -> its members, of bpf/events.h."""
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
    found = {}
    for name, body in re.findall(r"struct (\w+) \{(.*?)\n\};", text, flags=re.DOTALL):
        found[name] = re.findall(r"(\w+)(?:\[\w+\])?;", body)
    return found


def c_enum(name: str) -> list[str]:
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
    found = re.search(rf"enum {name} \{{(.*?)\}};", text, flags=re.DOTALL)
    assert found
    return re.findall(r"^\s*(\w+)", found[1], flags=re.MULTILINE)


# What the class calls otherwise, or makes of more than one member; how it is made is the concern
# of the decoder's tests.
RENAMED: dict[str, dict[str, set[str]]] = {
    "out_of_memory": {"gfp": {"gfp_mask"}, "memcg": {"memcg", "memcg_oom"}},
    "oom_kill": {
        "names": set(),
        "gfp": {"gfp_mask"},
        "total_vm_kib": {"total_vm"},
        "file_rss_kib": {"file_rss"},
        "anon_rss_kib": {"anon_rss"},
        "shmem_rss_kib": {"shmem_rss"},
        "pgtables_kib": {"pgtables"},
    },
    "task_state": {
        "state": {"state", "exit_state", "flags"},
        "start_t": {"start_t", "address"},  # the address only leads to its stack, and stays here
        "state_flags": {"state"},
        "stack": {"stack", "stack_len"},
        "possible": {"registers", "top", "stack"},
        "rss_kib": {"rss"},
        "cgroup": {"cgroup", "has_cgroup"},
        "names": set(),  # from the runtime's files
        "exit_left": set(),  # read from its stack
    },
    "task_runs": {"stack": {"stack", "stack_len"}},
    "oom_reap": {"rss_kib": {"rss"}},
    "bad_page": {
        "stack": {"stack", "stack_len"},
        "flags": {"words"},
        # the decoder's, from the words and BTF
        **{name: set() for name in "boot kernel flag_names fields owner owners".split()},
        **{name: set() for name in "refcount mapcount mapping memcg triggered path".split()},
        **{name: set() for name in "private lru taint unreliable modules lines".split()},
    },
}


def test_every_kind_of_event_has_a_struct_and_a_class() -> None:
    kinds = {kind.lower() for kind in c_enum("event_kind")} - {"map_update", "event_kinds"}
    assert kinds == EVENTS.keys() - NOT_FROM_BPF
    assert kinds <= c_structs().keys()


@pytest.mark.parametrize("name", sorted(EVENTS.keys() - NOT_FROM_BPF))
def test_each_member_of_the_struct_has_its_place_in_the_class(name: str) -> None:
    used: set[str] = set()
    for field in fields(EVENTS[name]):
        if field.name != "t":
            used |= RENAMED.get(name, {}).get(field.name, {field.name})
    assert used == set(c_structs()[name]) - {"event", "__pad"}


@pytest.mark.parametrize(("struct", "kind"), [("task", Task), ("squashfs_call", SquashfsCall)])
def test_parts_of_events_have_the_same_members(struct: str, kind: type) -> None:
    assert {field.name for field in fields(kind)} == set(c_structs()[struct])
