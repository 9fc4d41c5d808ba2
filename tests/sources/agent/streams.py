"""Streams as ktrace-agent writes them, made by tests."""

from __future__ import annotations

import ctypes
import struct
import zlib
from pathlib import Path
from typing import Any

from ktrace.probes.wire import wire
from ktrace.sources.agent.frames import MAGIC, FrameReader, FrameType

T = 1_000_000_000  # of CLOCK_BOOTTIME, when the stream begins
FUNCTIONS = {0x1000: "__schedule", 0x2000: "vfs_write", 0x3000: "squashfs_cache_get\t[squashfs]"}
HOOKED = ("task", "signal_generate", "sched_switch", "mark_victim")


def frame(number: int, kind: int, payload: bytes) -> bytes:
    checked = struct.pack("<3I", number, kind, len(payload))
    head_crc = zlib.crc32(checked)
    return MAGIC + checked + struct.pack("<2I", head_crc, zlib.crc32(payload, head_crc)) + payload


class Board:
    """What an agent on it writes, frame by frame."""

    def __init__(self, **head: object) -> None:
        self.frames: list[bytes] = []
        said = {
            "agent": "1",
            "wire": wire().digest(),
            "host": "board",
            "release": "6.1.0-armmp",
            "machine": "armv7l",
            "boot_id": "b00",
            "page_size": 4096,
            "word_size": 4,
            "functions": 3,
            "frozen": 1,
            "t": T,
            "wall": "2026-01-01T00:00:00Z",
        } | head
        self.add(FrameType.HEAD, "".join(f"{n} {v}\n" for n, v in said.items()).encode())
        modules = b"squashfs 4096 0 - Live 0x00003000\n"
        self.add(FrameType.FILE, b"modules\0" + modules)

    def add(self, kind: int, payload: bytes) -> None:
        self.frames.append(frame(len(self.frames), kind, payload))

    def ready(self) -> None:
        for function in HOOKED:
            self.add(FrameType.PROBE, f"{function}\nraw_tp\nattached\n".encode())
        self.add(FrameType.READY, struct.pack("=QQ", T, T))
        lines = [f"{start:x} {start + 0x1000:x} {name}\n" for start, name in FUNCTIONS.items()]
        self.add(FrameType.SYMBOLS, "".join(lines).encode())

    def event(self, kind: str, t: int, **members: Any) -> None:
        raw: Any = wire().layouts[kind]()
        raw.event.t = t
        raw.event.kind = wire().kinds[kind.upper()]
        raw.event.size = ctypes.sizeof(raw)
        for name, value in members.items():
            *folders, last = name.split("__")
            target = raw
            for folder in folders:
                target = getattr(target, folder)
            if isinstance(value, (list, tuple)):
                for at, each in enumerate(value):
                    getattr(target, last)[at] = each
            elif isinstance(value, bytes):
                ctypes.memmove(getattr(target, last), value, len(value))
            else:
                setattr(target, last, value)
        self.add(FrameType.EVENT, bytes(raw))

    def kill(self, t: int, tid: int) -> None:
        self.event("fatal_signal", t, target__pid=tid, target__tid=tid, signal=9, group=1)

    def stuck(self, t: int, tid: int, **members: Any) -> None:
        """Seen by a walk: killed, in D in squashfs_cache_get()."""
        seen = {
            "task__pid": tid,
            "task__tid": tid,
            "task__comm": b"reader",
            "start_t": T // 2,
            "state": 2,
            "killed": 2,
            "rss": -1,
            "stack": [0x3010, 0x2010],
            "stack_len": 2,
        } | members
        self.event("task_state", t, **seen)

    def walk(self, started: int, complete: int = 1) -> None:
        self.add(FrameType.WALK, struct.pack("=QQQ", started, started + 1000, complete))

    def end(self) -> None:
        self.add(FrameType.END, b"stopped by a signal")

    def number_from(self, first: int) -> None:
        """As if so many frames had come before."""
        found = [each for data in self.frames for each in FrameReader().feed(data)]
        self.frames = [frame(first + n, f.type, f.payload) for n, f in enumerate(found)]

    def write(self, folder: Path) -> str:
        path = folder / "agent.raw"
        path.write_bytes(b"".join(self.frames))
        return str(path)


def hang(tid: int = 7) -> Board:
    """A reader that is killed and still there two seconds later."""
    board = Board()
    board.ready()
    board.kill(T, tid)
    for second in (1, 2):
        board.stuck(T + second * 10**9 + 1, tid)
        board.walk(T + second * 10**9)
    board.end()
    return board


def all_frames() -> Board:
    """One of each type at least, as a board in trouble sends them."""
    board = hang()
    del board.frames[-1]
    for name in ("meminfo", "vmstat", "zoneinfo", "pressure/memory"):
        text = Path("/proc", name)  # of any machine
        if text.is_file():
            whole_lines, _, _ = text.read_bytes()[:2000].rpartition(b"\n")
            board.add(FrameType.FILE, name.encode() + b"\0" + whole_lines + b"\n")
    for kind in ("oom_kill", "oom_victim", "oom_reap", "bad_page", "out_of_memory", "task_dead"):
        board.event(kind, T + 3 * 10**9)
    board.add(FrameType.LOOK, struct.pack("=Q", T + 3 * 10**9))
    board.add(FrameType.STACK, b"[<0>] squashfs_cache_get+0x10/0x20 [squashfs]\n")
    board.stuck(T + 3 * 10**9 + 1, 9, stack_len=0)
    names = ("oom_domain_key", "oom_domain_counts", "oom_caller_counts")
    key, domain, caller = (wire().layouts[name]() for name in names)
    domain.calls, domain.last_t = 1000, T + 3 * 10**9
    ctypes.memmove(domain.memcg, b"/lab", 4)
    caller.calls, caller.last_t = 900, T + 3 * 10**9
    board.add(FrameType.COUNTS, bytes(key) + bytes(domain) + bytes(caller))
    board.walk(T + 3 * 10**9 + 2)
    board.add(FrameType.LOST, struct.pack("=14Q", *([0] * 5), 3, *([0] * 8)))
    board.add(FrameType.PROBE, b"squashfs_cache_get\nkprobe\nattached\n")
    board.end()
    return board
