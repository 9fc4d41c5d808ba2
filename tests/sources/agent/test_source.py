"""A board's stream through the whole run, from hand-made frames."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest

from ktrace.events import Event, Lost
from ktrace.probes.wire import wire
from ktrace.sources.agent import head, source
from ktrace.sources.agent.frames import FrameReader, FrameType
from tests.sources.agent.streams import Board, T, all_frames, hang
from tests.tracer import ktrace

pytestmark = pytest.mark.unit


def run(board: Board, folder: Path, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    done = ktrace("oom-hang", "--json", "--from", board.write(folder), *arguments)
    assert "Traceback" not in done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_the_hang_of_a_board(tmp_path: Path) -> None:
    code, records = run(hang(), tmp_path)
    session, found, end = records[0], records[1], records[-1]
    assert code == 1
    assert (session["host"], session["kernel"], session["loader"]) == (
        "board",
        "6.1.0-armmp",
        "agent",
    )
    assert session["boot_id"] == "b00"
    assert any("wait chains are not read" in warning for warning in session["warnings"])
    assert (found["finding"], found["tid"], found["state"]) == ("stuck-task", 7, "uninterruptible")
    assert found["stack"] == ["squashfs_cache_get+0x10 [squashfs]", "vfs_write+0x10"]
    assert found["wait"]["function"] == "squashfs_cache_get"
    assert (end["verdict"], end["lost"]) == ("found", 0)
    assert end["t"] == pytest.approx(3.0, abs=0.01)


def test_a_trace_of_it_says_the_same(tmp_path: Path) -> None:
    _, records = run(hang(), tmp_path, "-o", str(tmp_path / "trace"))
    done = ktrace("report", "--format", "json", str(tmp_path / "trace"))
    assert done.returncode == 1
    assert '"squashfs_cache_get+0x10 [squashfs]"' in done.stdout
    assert next(r["id"] for r in records if r["kind"] == "finding") in done.stdout


def quiet() -> Board:
    board = Board()
    board.ready()
    board.walk(T)
    return board


def test_a_quiet_board_is_clean(tmp_path: Path) -> None:
    board = quiet()
    board.end()
    code, records = run(board, tmp_path)
    assert (code, records[-1]["verdict"]) == (0, "clean")
    # what no agent looks at is not measured, and not 0
    assert records[-1]["counts"]["bad_pages"] is None


def test_a_stream_that_is_cut_off_is_not_clean(tmp_path: Path) -> None:
    code, records = run(quiet(), tmp_path)
    assert (code, records[-1]["verdict"]) == (4, "inconclusive")
    assert records[-1]["lost_by"] == {"agent_end": 1}


def test_events_that_are_none_are_lost(tmp_path: Path) -> None:
    board = quiet()
    unknown, too_short = struct.pack("=QII", T, 9999, 16), struct.pack("=QII", T, 8, 16)
    for payload in (b"", b"\xff" * 16, unknown, too_short):
        board.add(FrameType.EVENT, payload)
    board.walk(T + 10**9)
    board.end()
    code, records = run(board, tmp_path)
    assert (code, records[-1]["lost_by"]) == (4, {"agent_frames": 4})


def test_numbers_that_no_kernel_has(tmp_path: Path) -> None:
    board = hang()
    del board.frames[-1]
    board.stuck(T + 10**9, 8, source=77)
    board.stuck(1 << 63, 9, stack_len=1 << 31, cpu=1 << 31, killed=0xFFFFFFFF)
    board.event("oom_reap", T, step=99)
    board.event("bad_page", T, pfn=-5, stack_len=99)
    board.end()
    code, records = run(board, tmp_path)
    assert code == 1
    assert records[-1]["lost_by"]["agent_frames"] >= 2


def test_frames_of_noise(tmp_path: Path) -> None:
    board = quiet()
    for kind in (*FrameType, 99):
        for payload in (b"", b"\0", b"\xfe\xff noise\n" * 9, b"9" * 3000):
            if kind != FrameType.END:
                board.add(kind, payload)
    board.end()
    code, records = run(board, tmp_path)
    assert (code, records[-1]["kind"]) == (4, "end")
    assert records[-1]["lost_by"]["agent_frames"] > 20


def test_a_walk_that_lacks_a_frame_broke_off(tmp_path: Path) -> None:
    board = quiet()
    board.stuck(T + 10**9, 7)
    board.walk(T + 10**9)
    board.end()
    del board.frames[-3]
    code, records = run(board, tmp_path)
    assert code == 4
    assert "1 walk over the tasks broke off" in records[-1]["why"]


def test_losses_of_the_board_are_losses(tmp_path: Path) -> None:
    board = quiet()
    board.add(FrameType.LOST, struct.pack("=14Q", *([0] * 5), 3, *([0] * 8)))
    board.end()
    code, records = run(board, tmp_path)
    assert (code, records[-1]["lost_by"]) == (4, {"fatal_signal": 3})


def test_a_module_that_comes_brings_its_probe(tmp_path: Path) -> None:
    board = quiet()
    board.add(FrameType.PROBE, b"squashfs_cache_get\nkprobe\nattached\n")
    board.end()
    trace = tmp_path / "trace"
    run(board, tmp_path, "-o", str(trace))
    assert '"event":"probe_change"' in trace.read_text()


@pytest.mark.parametrize(
    ("head", "code", "said"),
    [
        ({"wire": "other"}, 3, "ktrace agent build"),
        ({"word_size": 3}, 2, "head cannot be read"),
        ({"page_size": "many"}, 2, "head cannot be read"),
        ({"t": "\x1b[2J"}, 2, "head cannot be read"),
    ],
)
def test_a_head_that_says_something_else(
    tmp_path: Path, head: dict[str, object], code: int, said: str
) -> None:
    board = Board(**head)
    board.ready()
    done = ktrace("oom-hang", "--from", board.write(tmp_path))
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_modules_that_are_none(tmp_path: Path) -> None:
    board = Board()
    board.add(FrameType.FILE, b"modules\0squashfs 4096 0 - Live 0x\x0000003000\n")
    board.ready()
    done = ktrace("oom-hang", "--from", board.write(tmp_path))
    assert done.returncode == 2
    assert "head cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("data", [b"ktAg", bytes(5000)])
def test_what_is_no_stream(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    done = ktrace("oom-hang", "--from", str(path))
    assert done.returncode == 2
    assert "is no stream of a ktrace-agent" in done.stderr


def test_names_cannot_reach_the_terminal(tmp_path: Path) -> None:
    board = Board(host="\x1b]0;x\x07")
    board.ready()
    board.kill(T, 7)
    board.stuck(T + 2 * 10**9, 7, task__comm=b"\x1b[2J")
    board.walk(T + 2 * 10**9 - 1)
    board.end()
    done = ktrace("oom-hang", "--from", board.write(tmp_path))
    assert done.returncode == 1
    assert "\x1b" not in done.stdout + done.stderr


def test_a_stream_whose_beginning_is_gone(tmp_path: Path) -> None:
    """Old bytes of pmsg have given way: the run begins with the head that is there."""
    board = Board(t=T + 60 * 10**9)
    board.ready()
    board.walk(T + 61 * 10**9)
    board.end()
    board.number_from(500)
    code, records = run(board, tmp_path)
    assert (code, records[-1]["verdict"]) == (0, "clean")
    assert records[0]["attached_t"] == 61.0
    assert any("beginning of the agent's stream is gone" in w for w in records[0]["warnings"])


def test_a_walk_without_an_end_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_MOST_WALKED", 3)
    board = quiet()
    for tid in range(7, 12):
        board.stuck(T + 10**9, tid, source=wire().enums["state_source"]["FROM_WALK"])
    board.write(tmp_path)
    reads = source.AgentSource(str(tmp_path / "agent.raw"))
    lost = [e for _ in range(3) for e in reads.read(0) if isinstance(e, Lost)]
    reads.close()
    assert [(e.what, e.count) for e in lost] == [("agent_frames", 2), ("agent_end", 1)]


def test_files_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "_MOST_BYTES", 10)
    files = head.Files()
    for payload in (b"a\0" + b"x" * 6, b"b\0" + b"y" * 6, b"b\0yyyy"):
        files.add(payload)
    assert (files.take("a"), files.take("b")) == ("x" * 6, "y" * 4)
    files.add(b"c\0" + b"z" * 10)
    assert files.take("c") == "z" * 10


def test_every_type_of_frame_is_read(tmp_path: Path) -> None:
    """What the fuzzer begins with is whole."""
    board = all_frames()
    code, records = run(board, tmp_path)
    assert code == 1
    assert records[-1]["lost_by"] == {"fatal_signal": 3}
    kinds = {f.type for data in board.frames for f in FrameReader().feed(data)}
    assert kinds == {*FrameType}


def stopped(board: Board, killed_t: int | None = None, silent_s: float = 0.0) -> list[Event]:
    """What is missing where Ctrl-C ends ssh, too, which brought this stream."""
    reader, writer = os.pipe()
    stop: list[bool] = []
    os.write(writer, b"".join(board.frames))
    traced = source.AgentSource(f"/dev/fd/{reader}", lambda: bool(stop))
    os.close(reader)
    traced.read(0.1)
    if killed_t is not None:
        board.kill(killed_t, 7)
        os.write(writer, board.frames[-1])
        traced.read(0.1)
    traced._heard -= silent_s
    if not silent_s:
        os.write(writer, b"ktAg")  # a frame that was on its way
    os.close(writer)
    stop.append(True)
    events = [*traced.read(0.1), *traced.finish()]
    traced.close()
    return [event for event in events if isinstance(event, Lost)]


def test_a_stream_that_is_stopped_here_needs_no_goodbye() -> None:
    assert stopped(quiet()) == []
    later = quiet()
    later.walk(T + 5 * 10**9)
    assert stopped(later, killed_t=T + 3 * 10**9) == []


def test_a_stream_that_is_stopped_too_early_lacks_a_walk() -> None:
    lost = [Lost(t=pytest.approx(1.0, abs=1), what="agent_walk", count=1)]  # type: ignore[arg-type]
    assert stopped(quiet(), killed_t=T + 1) == lost
    assert stopped(quiet(), silent_s=3.0) == lost  # the board may hang
