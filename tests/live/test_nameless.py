"""A trace without names: nothing of them in the file, and the same findings."""

from __future__ import annotations

import gzip
import json
import platform
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ktrace.detectors.analysis import Analysis
from ktrace.events import EVENTS, Event, Task, to_json
from ktrace.findings import End, Session, finding_to_json
from ktrace.nameless import Nameless
from ktrace.problems import PROBLEMS
from ktrace.trace.reader import TraceFile
from tests.factories import activity, kill, oom_kill, state, walk
from tests.live.fake import FakeRun
from tests.test_examples import EXAMPLES
from tests.views.hostile import changed, sample, string_paths

pytestmark = pytest.mark.unit

SECRET = "secretd"
KINDS: list[Any] = [
    *(Session, End, *EVENTS.values()),
    *(kind for problem in PROBLEMS for kind in problem.detector_type().findings),
]
# All that keeps its text: words of the kernel and of ktrace. Whoever adds one here has seen that
# nobody can put a name there.
KEPT = {
    *("by", "call", "cause", "causes", "clock", "code", "confidence", "constraint", "did"),
    *("fields", "flag_names", "found_by", "function", "gfp", "hook", "how", "kernel", "kernels"),
    *("killed", "kind", "ktrace", "loader", "machine", "names", "outcome", "path", "pattern"),
    *("primitive", "reason", "source", "state", "state_flags", "status", "step", "stuck"),
    *("taint", "verdict", "wait", "wall", "what"),
    *("Session.command", "probes.why", "ProbeChange.why", "memory.name", "squashfs.name"),
    *("left.name", "grown.name", "zones.name", "counted.name"),
    *("squashfs.device", "killed.why", "holders.why", "blocked_by.why", "dying.left"),
}


def text_of(record: Any) -> str:
    """As it is in the file."""
    data = record.to_json() if isinstance(record, Session | End) else None
    if data is None:
        data = to_json(record) if isinstance(record, Event) else finding_to_json(record)
    return json.dumps(data)


@pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])
def test_a_name_in_any_field_is_gone(kind: Any) -> None:
    plain = sample(kind, "x")
    for path in string_paths(kind):
        if path[-1] == "keys":
            continue  # of counts: ktrace's own
        known = {path[-1], ".".join(path[-2:]), f"{kind.__name__}.{path[-1]}"}
        record = changed(plain, path, lambda _: SECRET)
        nameless = text_of(Nameless().of(record))
        assert (SECRET in nameless) == bool(known & KEPT and SECRET in text_of(record)), path


def test_pseudonyms() -> None:
    nameless = Nameless()
    first, second = (nameless.of(kill(1.0, Task(n, n, SECRET))) for n in (1, 2))
    assert first.target.comm == second.target.comm
    assert re.fullmatch("task-[0-9a-f]{10}", first.target.comm)
    assert first.target.comm != Nameless().of(kill(1.0, Task(1, 1, SECRET))).target.comm
    assert (first.target.pid, first.by.comm) != (second.target.pid, first.target.comm)
    lone = nameless.of(kill(1.0, Task(1, 1, "\ud800")))
    assert lone.target.comm.startswith("task-")


def test_cgroups_keep_their_tree() -> None:
    nameless = Nameless()
    above = nameless.of(activity(1.0, 1, memcg="/app.slice")).memcg
    below = nameless.of(replace(oom_kill(1.0), cgroup="/app.slice/secret.service")).cgroup
    assert below is not None
    assert below.startswith(f"{above}/cg-")
    assert nameless.of(activity(1.0, 1, memcg=None)).memcg is None
    assert nameless.of(activity(1.0, 1, memcg="/")).memcg == "/"


def test_symbols_stay_and_raw_frames_go() -> None:
    frames = ("squashfs_cache_get+0x323 [squashfs]", "0xffffffff81234567", SECRET)
    kept = Nameless().of(state(1.0, stack=frames)).stack
    assert kept == (frames[0], "(address)", "(address)")


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("0xffff888004561200", True),
        ("ffffea0000114000", True),
        ("0xffffffff81e0a0c0", True),
        ("0x1fa848c0", False),
        ("0x0", False),
        ("0xffffffffffffffff", False),
        ("0xfffffffffffffff4", False),
        ("0xdead000000000100", False),
    ],
)
def test_pointers_are_masked(text: str, changes: bool) -> None:
    masked = Nameless(b"key").number(text)
    assert (masked != text) is changes
    assert (len(masked), masked[-3:]) == (len(text), text[-3:])
    assert int(masked, 16) >> 47 == int(text, 16) >> 47  # it is as much a pointer as before


def test_bits_that_differ_go_on_differing() -> None:
    nameless = Nameless(b"key")
    texts = ("ffff888004561200", "ffff888004571200")
    one, other = (int(nameless.number(text), 16) for text in texts)
    assert one ^ other == 0x10000


def stuck_with(name: str, t: float) -> list[Event]:
    """A stuck task of that name, at time t."""
    task = Task(20, 20, name)
    frames = ("vfs_write+0x10d", "0xffffffff81234567")
    return [kill(t - 5, task), state(t, task, stack=frames), walk(t + 0.001)]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_recording_without_names(run: FakeRun, tmp_path: Path, suffix: str) -> None:
    traces = [tmp_path / f"{name}.ktrace{suffix}" for name in ("plain", "nameless")]
    for trace, redact in zip(traces, (False, True), strict=True):
        run.once(lambda t: stuck_with(SECRET, t))
        run(record=str(trace), redact=redact, run=("sh", "-c", f"sleep 0.3; : {SECRET}"))
    plain, nameless = ((gzip.decompress if suffix else bytes)(t.read_bytes()) for t in traces)
    host = f'"{platform.node()}"'.encode()
    for told in (SECRET.encode(), b"ffffffff81234567", host):
        assert told in plain
        assert told not in nameless
    (before, shown), (after, changed_) = run.report(traces[0]), run.report(traces[1])
    assert before == after == 1
    assert SECRET in shown
    assert SECRET not in changed_
    assert "recorded with --redact" in changed_


TRACES = sorted(map(str, EXAMPLES.glob("*/*.ktrace*")))


@pytest.mark.parametrize("path", TRACES, ids=[Path(trace).name for trace in TRACES])
def test_the_same_findings(path: str) -> None:
    with TraceFile(path) as trace:
        head, records = trace.session, [*trace.records()]
    events = [record for record in records if isinstance(record, Event)]
    nameless = Nameless()
    redacted = [nameless.of(event) for event in events]
    plain, changed_ = (Analysis(of) for of in (head, nameless.of(head)))
    fed = ((plain, events), (changed_, redacted))
    found = [[f for event in each for f in analysis.feed(event)] for analysis, each in fed]
    assert [what_of(f) for f in found[0]] == [what_of(f) for f in found[1]]
    assert plain.end().verdict == changed_.end().verdict
    assert [c.finding for c in plain.current()] == [c.finding for c in changed_.current()]
    text = "".join(map(text_of, (*redacted, *found[1], nameless.of(head))))
    text = text.replace(f'"{head.command}"', "")  # "hang" is a task's name, and "oom-hang" none
    names = names_in(events) | {head.host, head.boot_id}
    assert not [name for name in names if re.search(rf"\b{re.escape(name)}\b", text)]
    addresses = set(re.findall(r"\bffff[89a-f][0-9a-f]{11}\b", "".join(map(text_of, events))))
    assert not [address for address in addresses if address in text]


def what_of(finding: Any) -> tuple[Any, ...]:
    """Of a finding, what has no names in it."""
    kept = ("finding", "status", "pid", "tid", "state", "reason", "pfn", "signature", "cell")
    return tuple(getattr(finding, name, None) for name in kept)


def names_in(events: list[Event]) -> set[str]:
    """Comms and parts of cgroups, but for those that are ktrace's words, too."""
    text = "".join(map(text_of, events))
    comms = set(re.findall(r'"comm": "([^"]{4,})"', text))
    groups = re.findall(r'"(?:memcg|cgroup)": "([^"]+)"', text)
    parts = {part for group in groups for part in group.split("/") if len(part) > 3}
    ours = ("ktrace", "respawn", "victim")
    return {name for name in comms | parts if not name.startswith(ours)}
