"""What /proc says of a thread, and what is concluded from it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrace.probes.proc_walk import look_at, stack_frames, walk

pytestmark = pytest.mark.unit

# fields 3 to 52 of /proc/TID/stat, proc(5)
PPID, FLAGS, START, SIGNAL, EXIT_CODE = 1, 6, 19, 28, 49
PF_EXITING = 4
SIGKILL = 0x100
STACK = """\
[<0>] squashfs_cache_get+0x323/0x3c0 [squashfs]
[<0>] squashfs_readahead+0x10/0x20 [squashfs]
[<0>] vfs_read+0x9f/0x1a0
"""


def thread(
    proc: Path,
    pid: int,
    tid: int,
    letter: str,
    *,
    comm: bytes = b"victim",
    stack: str = "",
    **f: int,
) -> None:
    fields = ["0"] * 50
    fields[0], fields[PPID], fields[START] = letter, "1", "12345"
    fields[FLAGS], fields[SIGNAL] = str(f.get("flags", 0)), str(f.get("private", 0))
    fields[EXIT_CODE] = str(f.get("exit_code", 0))
    folder = proc / str(pid) / "task" / str(tid)
    folder.mkdir(parents=True)
    (folder / "stat").write_bytes(b"%d (%s) " % (tid, comm) + " ".join(fields).encode() + b"\n")
    (folder / "status").write_text(
        f"Name:\tx\nShdPnd:\t{f.get('shared', 0):016x}\n"
        "voluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t2\n"
    )
    (folder / "stack").write_text(stack)


def test_a_killed_sleeper(tmp_path: Path) -> None:
    thread(tmp_path, 10, 11, "D", private=SIGKILL, shared=SIGKILL, stack=STACK)
    look = look_at(10, 11, str(tmp_path))
    assert look is not None
    assert (look.pid, look.tid, look.ppid, look.comm) == (10, 11, 1, b"victim")
    assert (look.state, look.exit_state, look.killed) == (2, 0, {"KILL_PENDING", "KILL_SHARED"})
    assert (look.switches, look.start_ticks, look.group_exit_code) == (9, 12345, 9)
    assert look.frames == (
        "squashfs_cache_get+0x323 [squashfs]",
        "squashfs_readahead+0x10 [squashfs]",
        "vfs_read+0x9f",
    )


def test_who_is_not_looked_at(tmp_path: Path) -> None:
    thread(tmp_path, 1, 1, "S")
    thread(tmp_path, 2, 2, "I")
    thread(tmp_path, 3, 3, "R", flags=PF_EXITING)  # exit_group(), by no signal
    thread(tmp_path, 4, 4, "S", private=1 << 14)  # SIGTERM is pending
    thread(tmp_path, 5, 5, "D")
    (tmp_path / "self").mkdir()
    assert [look.tid for look in walk(str(tmp_path))] == [5]


def test_exiting_by_a_signal(tmp_path: Path) -> None:
    thread(tmp_path, 1, 1, "D", flags=PF_EXITING, exit_code=15)
    look = look_at(1, 1, str(tmp_path))
    assert look is not None
    assert (look.killed, look.group_exit_code) == ({"KILL_GROUP"}, 15)


def test_a_dead_leaders_exit_code_is_the_groups(tmp_path: Path) -> None:
    thread(tmp_path, 1, 1, "Z", flags=PF_EXITING, exit_code=9)
    thread(tmp_path, 1, 2, "D", private=SIGKILL)
    looks = {look.tid: look for look in walk(str(tmp_path))}
    assert looks[2].group_exit_code == 9
    assert (looks[1].exit_state, looks[1].killed) == (0x20, {"KILL_GROUP"})


def test_frozen_is_seen_by_the_stack(tmp_path: Path) -> None:
    thread(tmp_path, 1, 1, "D", stack="[<0>] __refrigerator+0x3c/0x140\n")
    look = look_at(1, 1, str(tmp_path))
    assert look is not None
    assert look.state == 0x8000


@pytest.mark.parametrize("comm", [b") D 1 (", b"a b", b"\xff\x1b[31m", b"", b"))) Z"])
def test_a_comm_can_hold_anything(comm: bytes, tmp_path: Path) -> None:
    thread(tmp_path, 1, 1, "D", comm=comm)
    look = look_at(1, 1, str(tmp_path))
    assert look is not None
    assert (look.comm, look.state, look.start_ticks) == (comm, 2, 12345)


@pytest.mark.parametrize("content", [b"", b"1 (x", b"1 (x) D", b"1 (x) D y z"])
def test_what_cannot_be_read_is_no_thread(content: bytes, tmp_path: Path) -> None:
    thread(tmp_path, 1, 1, "D")
    (tmp_path / "1/task/1/stat").write_bytes(content)
    assert look_at(1, 1, str(tmp_path)) is None


def test_hidden_stack(tmp_path: Path) -> None:
    assert stack_frames(str(tmp_path / "none")) == ()
    (tmp_path / "stack").write_text("[<ffffffff81>] f+0x1/0x2\n[<0>] 0xffffffffc0123456\n")
    (tmp_path / "wchan").write_text("f")
    assert stack_frames(str(tmp_path)) == ("f+0x1",)


@pytest.mark.parametrize(
    ("wchan", "frames"),
    [("squashfs_cache_get", ("squashfs_cache_get",)), ("0", ()), ("", ()), ("0xc0123456", ())],
)
def test_where_a_thread_waits_that_shows_no_stack(
    wchan: str, frames: tuple[str, ...], tmp_path: Path
) -> None:
    """As on 32-bit ARM: wchan has one function, or 0."""
    (tmp_path / "stack").write_text("")
    (tmp_path / "wchan").write_text(wchan)
    assert stack_frames(str(tmp_path)) == frames
