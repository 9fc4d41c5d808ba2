"""ktrace.trace.reader: whole, damaged and hostile traces."""

import gzip
import json
import os
import random
import subprocess
import sys
import tracemalloc
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ktrace.errors import UsageError
from ktrace.events import Event, TaskState, to_json
from ktrace.findings import End, Session, StuckTask, finding_to_json
from ktrace.trace.damage import Loss
from ktrace.trace.format import MAX_LINE, MAX_STACKS, encode_line
from ktrace.trace.reader import Record, TraceFile
from tests.comparison.runs import bad_page
from tests.test_events import ANY_EVENT
from tests.trace.samples import (
    AWAKE,
    END,
    FINDING,
    KILL,
    LOST,
    RECORDS,
    SESSION,
    STATE,
    WALK,
    read,
    write,
)

pytestmark = pytest.mark.unit

CUT_OFF = "1 session without an end record"


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return write(tmp_path / "a.ktrace", RECORDS)


def without_stack(record: Record) -> Record:
    return replace(record, stack=()) if isinstance(record, TaskState | StuckTask) else record


def test_round_trip(trace: Path) -> None:
    assert read(trace) == (RECORDS, [])


def test_the_session_is_known_before_the_records_are_read(trace: Path) -> None:
    with TraceFile(trace) as opened:
        assert opened.session == SESSION


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.lists(ANY_EVENT, max_size=20))
def test_any_events_round_trip(tmp_path: Path, some: list[Event]) -> None:
    records: list[Record] = [SESSION, *some, END]
    assert read(write(tmp_path / "a.ktrace", records, force=True)) == (records, [])


def test_standard_input(trace: Path) -> None:
    code = (
        "from ktrace.trace.reader import TraceFile\n"
        "trace = TraceFile('-')\n"
        "print(trace.session.host, len(list(trace.records())), bool(trace.damage))"
    )
    with trace.open("rb") as file:
        done = subprocess.run([sys.executable, "-c", code], stdin=file, capture_output=True)
    assert done.stdout.decode().split() == ["box", str(len(RECORDS)), "False"]


def test_a_session_of_a_newer_ktrace_with_more_keys(tmp_path: Path) -> None:
    lines = [
        SESSION.to_json() | {"new": [1]},
        {"kind": "event", "event": "walk", "t": 1, "started_t": 1, "complete": True, "new": 2},
        {"kind": "end", "t": 2, "lost": 0, "findings": 0, "verdict": "clean", "new": {}},
    ]
    path = tmp_path / "a.ktrace"
    path.write_bytes(b"".join(map(encode_line, lines)))
    records, damage = read(path)
    assert records[0] == SESSION
    assert records[2] == End(t=2.0, lost=0, findings=0, verdict="clean")
    assert damage == []


# ---- damage


def test_cut_at_every_byte(trace: Path, tmp_path: Path) -> None:
    data = trace.read_bytes()
    ends = [at for at in range(len(data)) if data[at : at + 1] == b"\n"]
    for length in range(len(data) - 1):
        cut = tmp_path / "cut"
        cut.write_bytes(data[:length])
        if length < ends[0]:
            with pytest.raises(UsageError):
                read(cut)
            continue
        records, damage = read(cut)
        whole_lines = sum(length >= end for end in ends)
        kinds = [json.loads(line)["kind"] for line in data.splitlines()[:whole_lines]]
        assert records == RECORDS[: sum(kind != "stack" for kind in kinds)]
        assert any(line.startswith(CUT_OFF) for line in damage)


@pytest.mark.parametrize("zeros", [1, 100, 4096, 3 << 20])
def test_a_tail_of_zeros(trace: Path, zeros: int) -> None:
    data = trace.read_bytes()
    for kept in range(len(encode_line(SESSION.to_json())), len(data), 97):
        trace.write_bytes(data[:kept] + bytes(zeros))
        records, damage = read(trace)
        assert records == RECORDS[: len(records)]
        assert damage[0].startswith("1 line damaged (at line ")
        assert len(records) >= data[:kept].count(b"\n") - 1


@pytest.mark.parametrize("zeros", [1, 512, MAX_LINE + 7])
def test_zeros_before_a_line_cost_nothing_else(trace: Path, zeros: int) -> None:
    lines = trace.read_bytes().splitlines(keepends=True)
    trace.write_bytes(b"".join([*lines[:4], bytes(zeros), *lines[4:]]))
    records, damage = read(trace)
    assert records == RECORDS
    assert len(damage) == 1
    assert "zero bytes" in damage[0] or "too long" in damage[0]


def test_a_zeroed_block_in_the_middle(trace: Path) -> None:
    data = bytearray(trace.read_bytes())
    start = data.index(b'"event":"fatal_signal"')
    end = data.index(b'"event":"walk"')
    data[start:end] = bytes(end - start)
    trace.write_bytes(data)
    records, damage = read(trace)
    assert records == [SESSION, END]
    assert damage == ["1 line damaged (at line 2: zero bytes)"]


def test_every_random_flip_is_noticed_and_costs_one_line(trace: Path) -> None:
    data = trace.read_bytes()
    dice = random.Random(1)
    allowed = [*RECORDS, *map(without_stack, RECORDS)]
    for bit in dice.sample(range(8 * len(data)), 1000):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        trace.write_bytes(flipped)
        try:
            records, damage = read(trace)
        except UsageError:
            pytest.fail(f"nothing is left after flipping bit {bit}")
        at_the_end = bit // 8 == len(data) - 1  # the last newline is not missed by anybody
        assert damage or at_the_end, bit
        assert all(record in allowed for record in records), bit
        assert len(records) >= len(RECORDS) - 1, bit


def test_many_flips_at_once(trace: Path) -> None:
    data = trace.read_bytes()
    dice = random.Random(2)
    allowed = [*RECORDS, *map(without_stack, RECORDS)]
    for _ in range(300):
        flipped = bytearray(data)
        for _ in range(dice.randrange(2, 60)):
            flipped[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        trace.write_bytes(flipped)
        try:
            records, damage = read(trace)
        except UsageError:
            continue
        assert damage
        assert all(record in allowed for record in records)


def test_a_torn_line_with_the_next_glued_to_it(trace: Path) -> None:
    lines = trace.read_bytes().splitlines(keepends=True)
    trace.write_bytes(b"".join([lines[0], lines[1][:50], *lines[2:]]))
    records, damage = read(trace)
    assert records == [SESSION, *RECORDS[2:]]
    assert damage == ["1 line damaged (at line 2: wrong checksum)"]


def test_lines_without_the_newline_between(trace: Path) -> None:
    data = trace.read_bytes().replace(b"\n", b"")
    trace.write_bytes(data)
    records, damage = read(trace)
    assert records == RECORDS
    assert damage


def test_lines_with_the_newlines_of_a_mail(trace: Path) -> None:
    trace.write_bytes(trace.read_bytes().replace(b"\n", b"\r\n"))
    assert read(trace) == (RECORDS, [])


def test_a_lost_stack_is_told(trace: Path) -> None:
    lines = trace.read_bytes().splitlines(keepends=True)
    assert b'"stack"' in lines[2]
    trace.write_bytes(b"".join(lines[:2] + lines[3:]))
    records, damage = read(trace)
    assert records == [without_stack(record) for record in RECORDS]
    assert damage == [
        "2 records without their stacks (the first at line 3: stack 1 is missing)",
    ]


def test_a_lost_session_record(trace: Path) -> None:
    lines = trace.read_bytes().splitlines(keepends=True)
    trace.write_bytes(b"".join([lines[0][:-20], b"\n", *lines[1:]]))
    with TraceFile(trace) as opened:
        assert list(opened.records()) == RECORDS[1:]
        assert opened.session.host == "?"
        assert opened.session.probes == ()
        assert opened.session.warnings
        assert opened.damage.count(Loss.LINE) == 1


def test_a_read_error(tmp_path: Path) -> None:
    walks: list[Record] = [replace(WALK, t=float(t)) for t in range(5000)]
    with TraceFile(write(tmp_path / "a.ktrace", [SESSION, *walks, END])) as opened:
        folder = os.open("/", os.O_RDONLY)
        os.dup2(folder, opened._file.fileno())  # reads give EISDIR from now on
        os.close(folder)
        records = list(opened.records())
    assert 10 < len(records) < 5000
    assert records == [SESSION, *walks][: len(records)]
    assert opened.damage.count(Loss.READ) == 1
    assert opened.damage.count(Loss.END) == 1


# ---- several sessions


def test_concatenated_files(trace: Path, tmp_path: Path) -> None:
    other_stack = replace(STATE, stack=("other", "stack"))
    second: list[Record] = [replace(SESSION, host="box2"), other_stack, FINDING, END]
    other = write(tmp_path / "b.ktrace", second)
    trace.write_bytes(trace.read_bytes() + other.read_bytes())
    assert read(trace) == (RECORDS + second, [])


def test_a_cut_off_file_and_another(trace: Path) -> None:
    data = trace.read_bytes()
    trace.write_bytes(data[:-30] + data)
    records, damage = read(trace)
    assert records == RECORDS[:-1] + RECORDS
    assert len(damage) == 2
    assert damage[1].startswith(CUT_OFF)


def test_no_stack_of_another_session_is_taken(trace: Path) -> None:
    """The second session's record is lost, and its first stack's."""
    lines = trace.read_bytes().splitlines(keepends=True)
    second = [line for line in lines[1:] if b'"kind":"stack"' not in line]
    trace.write_bytes(b"".join(lines + second))
    records, _ = read(trace)
    assert [r.stack for r in records if isinstance(r, StuckTask)] == [FINDING.stack, ()]


def test_no_stack_of_a_session_that_was_cut_off_is_taken(tmp_path: Path) -> None:
    """The joint is damaged: the first end is lost, the second session, and its first stack."""
    other = replace(STATE, stack=("other",))
    path = write(tmp_path / "a.ktrace", [SESSION, STATE, other])
    lines = path.read_bytes().splitlines(keepends=True)
    assert [json.loads(line)["kind"] for line in lines[1:]] == ["stack", "event"] * 2
    path.write_bytes(b"".join(lines + lines[3:] + lines[2:3]))
    records, damage = read(path)
    assert records == [SESSION, STATE, other, other, without_stack(STATE)]
    assert damage[0].startswith("1 record without its stack")


# ---- gzip


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    return write(tmp_path / "a.ktrace.gz", RECORDS)


def test_gzip_round_trip(packed: Path) -> None:
    assert packed.read_bytes().startswith(b"\x1f\x8b")
    assert gzip.decompress(packed.read_bytes()).startswith(b'{"kind":"session"')
    assert read(packed) == (RECORDS, [])


def test_gzip_is_known_by_its_content(trace: Path) -> None:
    trace.write_bytes(gzip.compress(trace.read_bytes()))
    assert read(trace) == (RECORDS, [])


def test_plain_text_in_a_file_named_gz(trace: Path, tmp_path: Path) -> None:
    assert read(trace.rename(tmp_path / "b.gz")) == (RECORDS, [])


def members(trace: Path, tmp_path: Path) -> tuple[Path, list[bytes]]:
    lines = trace.read_bytes().splitlines(keepends=True)
    return tmp_path / "members.gz", [gzip.compress(line, mtime=0) for line in lines]


def test_torn_gzip_at_every_byte(trace: Path, tmp_path: Path) -> None:
    path, parts = members(trace, tmp_path)
    data = b"".join(parts)
    for length in range(len(parts[0]), len(data)):
        path.write_bytes(data[:length])
        records, damage = read(path)
        assert records == RECORDS[: len(records)]
        # A member's last eight bytes are its checksum: the line is there before them.
        assert damage or len(records) == len(RECORDS), length
    assert len(records) == len(RECORDS)


def test_flips_in_gzip_members(trace: Path, tmp_path: Path) -> None:
    path, parts = members(trace, tmp_path)
    data = b"".join(parts)
    dice = random.Random(3)
    allowed = [*RECORDS, *map(without_stack, RECORDS)]
    for bit in dice.sample(range(8 * len(data)), 1500):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        records, damage = read(path)
        # Some bits of a gzip header mean nothing: then nothing is lost either.
        assert damage or records == RECORDS, bit
        assert all(record in allowed for record in records), bit
        assert len(records) >= len(RECORDS) - 2, bit


def test_a_flip_in_one_long_member_keeps_what_is_before(tmp_path: Path) -> None:
    walks: list[Record] = [replace(WALK, t=float(t)) for t in range(5000)]
    path = write(tmp_path / "a.ktrace", [SESSION, *walks, END])
    data = bytearray(gzip.compress(path.read_bytes()))
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)
    records, damage = read(path)
    assert len(records) > 2000
    assert records[:2000] == [SESSION, *walks][:2000]
    assert damage


def test_a_wrong_sum_of_a_member_costs_only_the_wrong_line(trace: Path) -> None:
    data = bytearray(gzip.compress(trace.read_bytes(), compresslevel=0))
    data[data.index(b'"si_code":') + 3] ^= 1
    trace.write_bytes(data)
    records, damage = read(trace)
    assert records == [SESSION, *RECORDS[2:]]
    assert {line.partition(" (")[0] for line in damage} == {
        "1 line damaged",
        "1 place damaged in the gzip data",
    }


def test_zeros_and_rubbish_between_gzip_members(trace: Path, tmp_path: Path) -> None:
    path, parts = members(trace, tmp_path)
    rubbish = [bytes(70_000), b"\x1f\x8b\x08rubbish", b"\x1f"]
    path.write_bytes(b"".join([*parts[:3], rubbish[0], *parts[3:5], *rubbish[1:], *parts[5:]]))
    records, damage = read(path)
    assert records == RECORDS
    assert damage[0].startswith("2 places damaged in the gzip data")


def test_a_gzip_bomb_is_read_in_little_memory(tmp_path: Path, trace: Path) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(trace.read_bytes() + bytes(64 << 20)))
    tracemalloc.start()
    try:
        records, damage = read(path)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert records == RECORDS
    assert "too long" in damage[0]


# ---- not a trace


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"\n\n", "is not a ktrace trace"),
        (b"Linux version 6.1\n[    0.0] hello\n", "is not a ktrace trace"),
        (b"\x7fELF" + bytes(range(256)) * 99, "is not a ktrace trace"),
        (bytes(100_000), "is not a ktrace trace"),
        (gzip.compress(b"text\n"), "is not a ktrace trace"),
        (b'{"kind":"session","ktrace":"0.1', "no line of this trace is whole"),
        (b'{"kind":"session","format":3}\n', "has trace format 3; this ktrace reads up to 2"),
        (encode_line(SESSION.to_json() | {"format": 7}), "has trace format 7"),
        (encode_line({"kind": "session"}), "session has no ktrace"),
    ],
)
def test_something_else(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=why) as error:
        TraceFile(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_no_file_and_no_endless_reading(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        TraceFile(tmp_path / "missing")
    with pytest.raises(UsageError, match="Is a directory"):
        TraceFile(tmp_path)
    with pytest.raises(UsageError, match="not a ktrace trace"):
        TraceFile("/dev/zero")
    with pytest.raises(UsageError, match="not a ktrace trace"):
        TraceFile("/dev/urandom")


def test_a_later_session_in_another_format_is_skipped(trace: Path) -> None:
    data = trace.read_bytes()
    later = encode_line(SESSION.to_json() | {"format": 3}) + data.partition(b"\n")[2]
    trace.write_bytes(data + later + data)
    records, damage = read(trace)
    assert records == RECORDS * 2
    assert len(damage) == 1
    assert "a session in trace format 3" in damage[0]


# ---- hostile


def signed(body: bytes) -> bytes:
    """A line with a right checksum, whatever is in it."""
    return body[:-1] + b',"crc":"%08x"}\n' % zlib.crc32(body[:-1])


def signed_bad_page(**changes: object) -> bytes:
    """The JSON of an event that is right but for the changes."""
    whole = to_json(bad_page(1.0)) | {"stack": None} | changes
    return json.dumps(whole, separators=(",", ":")).encode()


def nested_blockers(depth: int) -> bytes:
    """A finding whose chain of blockers is so long."""
    finding = finding_to_json(replace(FINDING, stack=(), blocked_by=())) | {"stack": None}
    head, tail = json.dumps(finding | {"blocked_by": ["@"]}, separators=(",", ":")).split('"@"')
    blocker = json.dumps(to_json(FINDING.blocked_by[0]) | {"blocked_by": ["@"]})
    before, after = blocker.split('"@"')
    return f"{head}{before * depth}{before}{after}{after * depth}{tail}".encode()


HOSTILE = [
    b'{"kind":"event"}',
    b'{"kind":"event","event":[[[[]]]]}',
    b'{"kind":"event","event":' + b"[" * 900 + b"]" * 900 + b"}",
    b'{"kind":"event","event":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    b'{"kind":"event","event":"walk","t":1e999,"started_t":1,"complete":true}',
    b'{"kind":"event","event":"walk","t":NaN,"started_t":1,"complete":true}',
    b'{"kind":"event","event":"walk","t":' + b"9" * 4000 + b',"started_t":1,"complete":true}',
    b'{"kind":"event","event":"walk","t":"1","started_t":1,"complete":true}',
    b'{"kind":"event","event":"walk","t":1,"t":{},"started_t":1,"complete":true}',
    b'{"kind":"event","event":"task_hung","t":1,"task":{"pid":1.5,"tid":1,"comm":"x"}}',
    b'{"kind":"finding","finding":"stuck-task","stack":true}',
    b'{"kind":"finding","finding":"stuck-task","stack":["a"]}',
    b'{"kind":"finding","finding":{}}',
    b'{"kind":"stack","id":{},"frames":[]}',
    b'{"kind":"stack","id":1,"frames":"abc"}',
    b'{"kind":"stack","id":1,"frames":[1]}',
    b'{"kind":"end"}',
    b'{"kind":"end","t":1,"lost":true,"findings":0,"verdict":"clean"}',
    b'{"kind":"session","format":1}',
    b'{"kind":"session","format":true}',
    b'{"kind":{}}',
    b'{"kind":"\\ud800"}',
    b'{"kind":null,"t":1}',
    b"[1]",
    b'{"kind":"event","event":"walk","t":1e308,"started_t":-1e308,"complete":true}',
    b'{"kind":"event","event":"lost","t":1,"what":"x","count":99999999999999999999}',
    signed_bad_page(flags="-1"),
    signed_bad_page(flags="(null)"),
    signed_bad_page(words=["0x1", "-0x2"]),
    signed_bad_page(page="0x" + "f" * 17),
    signed_bad_page(triggered=[{"what": "flags", "bits": "no hex", "names": []}]),
    *(nested_blockers(depth) for depth in (50, 120, 250, 330, 480, 900)),
    json.dumps(SESSION.to_json() | {"command": "dmesg"}, separators=(",", ":")).encode(),
    b'{"kind":"finding","finding":"hung-task"}',
    b'{"kind":"event","event":"walk","t":1,"started_t":1,"complete":' + b" " * MAX_LINE + b"true}",
]


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_lines_cost_only_themselves(trace: Path, body: bytes) -> None:
    lines = trace.read_bytes().splitlines(keepends=True)
    trace.write_bytes(b"".join([*lines[:2], signed(body), *lines[2:]]))
    records, damage = read(trace)
    assert records == RECORDS
    assert damage


def test_new_records_are_counted_apart_from_damage(trace: Path) -> None:
    lines = trace.read_bytes().splitlines(keepends=True)
    new = [
        encode_line({"kind": "event", "event": "page\u202e_moved", "t": 1}),
        encode_line({"kind": "finding", "finding": "bad-weather"}),
        encode_line({"kind": "weather"}),
    ]
    trace.write_bytes(b"".join([*lines[:2], *new, *lines[2:]]))
    assert read(trace) == (
        RECORDS,
        [
            "3 records of a newer ktrace skipped "
            "(the first at line 3: unknown record 'event page\\u202e_moved')"
        ],
    )


def test_a_very_long_line_is_skipped_in_little_memory(trace: Path) -> None:
    first, _, rest = trace.read_bytes().partition(b"\n")
    trace.write_bytes(first + b"\n" + b"x" * (64 << 20) + b"\n" + rest)
    tracemalloc.start()
    try:
        records, damage = read(trace)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert records == RECORDS
    assert damage == ["1 line damaged (at line 2: too long)"]


@pytest.mark.parametrize("line", [b"\n", b"x\n"])
def test_a_few_bytes_of_gzip_that_are_very_many_lines(
    tmp_path: Path, trace: Path, line: bytes
) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(trace.read_bytes() + line * 3_000_000 + trace.read_bytes()))
    records, damage = read(path)
    assert records == RECORDS
    assert any("1 part left unread" in text for text in damage)
    path.write_bytes(gzip.compress(line * 3_000_000))
    with pytest.raises(UsageError, match="not a ktrace trace"):
        TraceFile(path)


def test_stacks_do_not_grow_for_ever(tmp_path: Path) -> None:
    states: list[Record] = [
        replace(STATE, t=float(n), stack=(f"f{n % (MAX_STACKS + 9)}",))
        for n in range(2 * MAX_STACKS + 99)
    ]
    path = write(tmp_path / "a.ktrace", [SESSION, *states, END])
    with TraceFile(path) as opened:
        most = 0
        for record, wanted in zip(opened.records(), [SESSION, *states, END], strict=True):
            assert record == wanted
            most = max(most, len(opened._decoder._stacks))
    assert not opened.damage
    assert most == MAX_STACKS


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    st.dictionaries(
        st.sampled_from(["kind", "event", "t", "task", "stack", "id", "frames", "format"]),
        st.recursive(
            st.none()
            | st.booleans()
            | st.integers()
            | st.sampled_from(["event", "stack", "session", "end", "finding", "task_hung"]),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        ),
    )
)
def test_any_json_is_survived(tmp_path: Path, record: dict[str, Any]) -> None:
    path = tmp_path / "x"
    whole = encode_line(SESSION.to_json())
    path.write_bytes(whole + encode_line({"kind": "event"} | record) + whole)
    records, damage = read(path)
    assert [r for r in records if isinstance(r, Session)][-1] == SESSION
    assert damage


@pytest.mark.parametrize("key", ["stack", "format", "t"])
def test_a_number_of_thousands_of_digits_is_not_repeated(tmp_path: Path, key: str) -> None:
    path = tmp_path / "x"
    number = 10**4000
    record = (
        SESSION.to_json() | {key: number} if key == "format" else to_json(STATE) | {key: number}
    )
    path.write_bytes(encode_line(SESSION.to_json()) + encode_line(record))
    _, damage = read(path)
    assert damage
    assert all(len(line) < 200 for line in damage)


def test_the_samples_hold_every_kind() -> None:
    assert {type(record) for record in RECORDS} >= {Session, End, StuckTask}
    assert {STATE.stack, AWAKE.stack} == {FINDING.stack, ()}
    assert isinstance(LOST, Event)
    assert isinstance(KILL, Event)
