"""ktrace.trace.writer: what goes wrong on the way to the disk."""

import errno
import gzip
import json
import mmap
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ktrace.errors import UsageError
from ktrace.events import Lost
from ktrace.trace import file_writer, writer
from ktrace.trace.reader import Record, TraceFile
from ktrace.trace.writer import TraceWriter
from tests.trace.samples import END, FINDING, RECORDS, SESSION, STATE, WALK, read, write

pytestmark = pytest.mark.unit


def wait_for(condition: Callable[[], bool], timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Why a file cannot be written is known, however busy the machine is."""
    monkeypatch.setattr(writer, "_OPENING_S", 60.0)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator["Disk"]:
    disk = Disk()
    monkeypatch.setattr(file_writer, "_RETRY_S", 0.01)
    monkeypatch.setattr(file_writer, "_FLUSH_S", 0.01)
    monkeypatch.setattr(os, "write", disk.write)
    yield disk
    disk.room = 1 << 40
    disk.awake = True


class Disk:
    """os.write() to files on a disk that can be full, or hang; in the process that writes, too."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, mmap.PAGESIZE)
        self._write = os.write
        self._set(1 << 40, awake=True, hanging=False)

    def _set(self, room: int, *, awake: bool, hanging: bool) -> None:
        self._shared[:18] = room.to_bytes(16, "little") + bytes([awake, hanging])

    @property
    def room(self) -> int:
        return int.from_bytes(self._shared[:16], "little")

    @room.setter
    def room(self, room: int) -> None:
        self._shared[:16] = room.to_bytes(16, "little")

    @property
    def awake(self) -> bool:
        return bool(self._shared[16])

    @awake.setter
    def awake(self, awake: bool) -> None:
        self._shared[16] = awake

    @property
    def hanging(self) -> bool:
        return bool(self._shared[17])

    def write(self, fd: int, data: memoryview) -> int:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return self._write(fd, data)
        self._shared[17] = not self.awake
        wait_for(lambda: self.awake)
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = self._write(fd, data[: self.room])
        self.room -= done
        return done


def settled(writer: TraceWriter) -> bool:
    """Everything is in the file."""
    writer.flush()
    return writer._process.waiting == 0


def failed(writer: TraceWriter) -> bool:
    writer.flush()
    return writer.failure is not None


def test_lines_are_json_in_the_documented_order(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ktrace", RECORDS)
    lines = [json.loads(line) for line in path.read_text("ascii").splitlines()]
    kinds = [line["kind"] for line in lines]
    assert kinds == "session event stack event event finding event event end".split()
    assert [line["stack"] for line in lines if "stack" in line] == [1, None, 1]
    assert all(next(iter(line)) == "kind" and [*line][-1] == "crc" for line in lines)


@pytest.mark.usefixtures("patient")
def test_an_existing_file_is_overwritten_only_by_force(tmp_path: Path) -> None:
    path = tmp_path / "a.ktrace"
    path.write_text("x" * 100_000)
    path.chmod(0o640)
    with pytest.raises(UsageError, match="exists") as refused:
        TraceWriter(path)
    assert refused.value.hint == "--force overwrites it"
    assert path.read_text() == "x" * 100_000
    assert read(write(path, RECORDS, force=True)) == (RECORDS, [])
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ktrace", RECORDS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.usefixtures("patient")
def test_no_symbolic_link_is_followed(tmp_path: Path, force: bool) -> None:
    other, link = tmp_path / "shadow", tmp_path / "a.ktrace"
    link.symlink_to(other)
    with pytest.raises(UsageError):
        TraceWriter(link, force=force)
    assert not other.exists()
    other.write_text("precious")
    with pytest.raises(UsageError):
        TraceWriter(link, force=force)
    assert other.read_text() == "precious"


@pytest.mark.usefixtures("patient")
def test_two_do_not_record_into_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a.ktrace"
    first = TraceWriter(path)
    with pytest.raises(UsageError, match="another ktrace records into it"):
        TraceWriter(path, force=True)
    assert first.close()


def test_the_session_is_in_the_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.ktrace"
    writer = TraceWriter(path)
    writer.write_session(SESSION)
    wait_for(lambda: path.read_bytes().endswith(b"\n"))
    assert writer.close()


@pytest.mark.parametrize("name", ["a.ktrace", "a.ktrace.gz"])
def test_events_are_in_the_file_without_a_close(tmp_path: Path, name: str) -> None:
    """The machine may hang any moment."""
    path = tmp_path / name
    writer = TraceWriter(path)
    for record in (SESSION, WALK):
        writer.write_session(record) if record is SESSION else writer.write_event(WALK)
    writer.flush()
    wait_for(lambda: path.stat().st_size > 0 and WALK in read(path)[0])
    assert writer.close()


def test_every_flush_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs = tmp_path / "syncs"

    def note(_fd: int) -> None:
        with syncs.open("a") as file:
            file.write("x")

    monkeypatch.setattr(os, "fdatasync", note)
    writer = TraceWriter(tmp_path / "a.ktrace")
    writer.write_session(SESSION)
    wait_for(lambda: syncs.exists() and syncs.read_text() == "x")
    writer.write_event(WALK)
    assert writer.close()
    assert syncs.read_text() == "xx"


def test_each_flush_is_a_gzip_member(tmp_path: Path, disk: Disk) -> None:
    path = tmp_path / "a.ktrace.gz"
    writer = TraceWriter(path)
    writer.write_session(SESSION)
    wait_for(lambda: path.stat().st_size > 0)
    first = path.read_bytes()
    writer.write_end(END)
    assert writer.close()
    assert json.loads(gzip.decompress(first))["kind"] == "session"
    assert path.read_bytes().startswith(first)
    assert read(path) == ([SESSION, END], [])


# ---- paths


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("missing/a.ktrace", "No such file or directory"),
        (".", "Is a directory"),
        ("file/a.ktrace", "Not a directory"),
        ("x" * 300, "File name too long"),
        ("socket", "No such device or address"),
    ],
)
@pytest.mark.usefixtures("patient")
def test_paths_that_cannot_be_written(tmp_path: Path, path: str, why: str) -> None:
    (tmp_path / "file").touch()
    os.mknod(tmp_path / "socket", stat.S_IFSOCK | 0o600)
    with pytest.raises(UsageError, match=f"^cannot write {tmp_path}.*: {why}$"):
        TraceWriter(tmp_path / path)


@pytest.mark.usefixtures("patient")
def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = os.open

    def refuse(path: str, *more: int, dir_fd: int | None = None) -> int:
        if path == os.devnull:
            return really(path, *more)
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", refuse)  # root may write anywhere
    with pytest.raises(UsageError, match="Permission denied"):
        TraceWriter(tmp_path / "a.ktrace")


@pytest.mark.usefixtures("patient")
def test_a_disk_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "disk"
    path.write_text("precious")
    monkeypatch.setattr(stat, "S_ISBLK", lambda mode: True)
    with pytest.raises(UsageError, match="it is a disk"):
        TraceWriter(path)
    assert path.read_text() == "precious"


def test_standard_output_is_named_otherwise() -> None:
    with pytest.raises(UsageError, match="cannot write a trace to -"):
        TraceWriter("-")


def test_devices_need_no_sync() -> None:
    writer = TraceWriter("/dev/null")
    writer.write_session(SESSION)
    assert writer.close()
    assert writer.failure is None


def test_a_fifo(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    code = f"import sys; sys.stdout.write(open({str(fifo)!r}).read())"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as reader:
        write(fifo, RECORDS)
        out = reader.communicate()[0]
    copy = tmp_path / "copy"
    copy.write_bytes(out)
    assert read(copy) == (RECORDS, [])


# ---- trouble while writing


def test_dev_full_is_told_once_and_stops_nothing() -> None:
    writer = TraceWriter("/dev/full")
    writer.write_session(SESSION)
    wait_for(lambda: failed(writer))
    assert writer.failure == "cannot write /dev/full: No space left on device"
    writer.write_event(WALK)
    assert not writer.close()


@pytest.mark.parametrize("name", ["a.ktrace", "a.ktrace.gz"])
@pytest.mark.parametrize("room", [0, 1, 100, 700, 2000])
def test_after_a_full_disk_nothing_is_missing(
    tmp_path: Path, disk: Disk, name: str, room: int
) -> None:
    disk.room = room
    path = tmp_path / name
    writer = TraceWriter(path)
    writer.write_session(SESSION)
    for t in range(100):
        writer.write_event(replace(STATE, t=float(t), state_flags=os.urandom(30).hex()))
    wait_for(lambda: failed(writer))
    assert path.stat().st_size == room
    disk.room = 1 << 40
    writer.write_end(END)
    assert writer.close(60)
    records, damage = read(path)
    assert len(records) == 102
    assert damage == []
    assert writer.dropped == 0


@pytest.mark.parametrize("killed", [False, True])
def test_a_full_disk_and_a_full_buffer_end_with_ktrace(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    """killed: ktrace says nothing to the process that writes."""
    monkeypatch.setattr(file_writer, "BATCH", 1000)
    disk.room = 100
    writer = TraceWriter(tmp_path / "a.ktrace")
    writer.write_session(SESSION)
    for t in range(1000):
        writer.write_event(replace(STATE, t=float(t)))
    wait_for(lambda: failed(writer))
    process = writer._process
    if killed:
        os.close(process._status)
        os.close(process._data)
    else:
        assert not writer.close(0.2)
        assert writer.spill(str(tmp_path), lambda _: END)
    wait_for(lambda: process._reaped or bool(os.waitpid(process._pid, os.WNOHANG)[0]), 10)


def test_what_a_full_disk_holds_is_readable(tmp_path: Path, disk: Disk) -> None:
    lines = write(tmp_path / "whole", [SESSION, STATE, STATE, END]).read_bytes()
    room = lines.rindex(b'{"kind":"event"') + 100
    disk.room = room
    path = tmp_path / "a.ktrace"
    writer = TraceWriter(path)
    writer.write_session(SESSION)
    writer.write_event(STATE)
    writer.write_event(STATE)
    writer.write_end(END)
    assert not writer.close(60)
    assert path.stat().st_size == room
    records, damage = read(path)
    assert records == [SESSION, STATE]
    assert [line.partition(" (")[0] for line in damage] == [
        "1 line damaged",
        "1 session without an end record",
    ]


def test_a_failed_sync_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fdatasync", fail)
    writer = TraceWriter(tmp_path / "a.ktrace")
    writer.write_session(SESSION)
    assert not writer.close(60)
    assert "Input/output error" in str(writer.failure)


def test_a_hung_disk_delays_nobody_and_the_gap_is_told(tmp_path: Path, disk: Disk) -> None:
    path = tmp_path / "a.ktrace"
    disk.awake = False
    writer = TraceWriter(path, capacity=20_000)
    writer.write_session(SESSION)
    wait_for(lambda: disk.hanging)
    begun = time.monotonic()
    sent: list[Record] = [replace(STATE, t=float(t), stack=(f"f{t // 50}",)) for t in range(1000)]
    for event in sent:
        writer.write_event(event)  # type: ignore[arg-type]
    assert time.monotonic() - begun < 60  # it would hang
    dropped = writer.dropped
    assert 900 < dropped < 1000  # about 400 bytes each
    assert not writer.close(0.05)
    assert path.stat().st_size == 0

    disk.awake = True
    wait_for(lambda: path.read_bytes().count(b"\n") > 1000 - dropped)
    records, damage = read(path)
    assert len(records) == 1 + 1000 - dropped
    assert all(record in sent for record in records[1:])
    assert damage[0].startswith("1 session without an end record")


def test_the_loss_is_in_the_file_once_there_is_room(tmp_path: Path, disk: Disk) -> None:
    path = tmp_path / "a.ktrace"
    disk.awake = False
    writer = TraceWriter(path, capacity=20_000)
    writer.write_session(SESSION)
    wait_for(lambda: disk.hanging)
    for t in range(1000):
        writer.write_event(replace(STATE, t=float(t), stack=(f"f{t}",)))
    dropped = writer.dropped
    disk.awake = True
    wait_for(lambda: settled(writer))
    writer.write_event(replace(STATE, t=2000.0, stack=("f999",)))
    writer.write_finding(FINDING)
    writer.write_end(END)
    assert writer.close(60)
    records, damage = read(path)
    assert damage == []
    assert records[-4:] == [
        Lost(t=2000.0, what="trace_file", count=dropped),
        replace(STATE, t=2000.0, stack=("f999",)),
        FINDING,
        END,
    ]
    assert writer.dropped == dropped
    assert [type(record) for record in records].count(Lost) == 1


def test_the_end_has_room_in_a_full_queue(tmp_path: Path, disk: Disk) -> None:
    path = tmp_path / "a.ktrace"
    disk.awake = False
    writer = TraceWriter(path, capacity=20_000)
    writer.write_session(SESSION)
    wait_for(lambda: disk.hanging)
    for t in range(200):
        writer.write_event(replace(STATE, t=float(t)))
    for _ in range(10):  # a smaller line than the end
        writer.write_event(WALK)
    writer.write_end(END)
    disk.awake = True
    assert writer.close(60)
    records, damage = read(path)
    assert records[-2:] == [Lost(t=END.t, what="trace_file", count=writer.dropped), END]
    assert damage == []


def test_a_slow_fifo_loses_events_but_no_time(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        writer = TraceWriter(fifo, capacity=100_000)
        for t in range(2000):
            writer.write_event(replace(STATE, t=float(t)))
        assert writer.dropped > 0
        begun = time.monotonic()
        assert not writer.close(0.1)
        assert time.monotonic() - begun < 60  # it would hang
    finally:
        os.close(reader)


def test_what_json_cannot_hold_and_what_is_too_long_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.ktrace"
    writer = TraceWriter(path)
    writer.write_session(SESSION)
    writer.write_event(replace(WALK, started_t=float("nan")))
    writer.write_event(replace(STATE, state_flags="x" * (2 << 20)))
    assert writer.dropped == 2
    writer.write_event(STATE)
    writer.write_end(END)
    assert writer.close(60)
    lost = [Lost(t=STATE.t, what="trace_file", count=count) for count in (1, 2)]
    assert read(path) == ([SESSION, *lost, STATE, END], [])


def test_a_writer_killed_at_any_time_leaves_a_readable_file(tmp_path: Path) -> None:
    path = tmp_path / "a.ktrace.gz"
    code = (
        "import sys\n"
        "from ktrace.trace.writer import TraceWriter\n"
        "from tests.trace.samples import SESSION, STATE\n"
        "writer = TraceWriter(sys.argv[1])\n"
        "writer.write_session(SESSION)\n"
        "while True: writer.write_event(STATE)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(path)]) as process:
        wait_for(lambda: path.exists() and path.stat().st_size > 10_000)
        process.kill()
    with TraceFile(path) as trace:
        records = list(trace.records())
    assert records[0] == SESSION
    assert len(records) > 100
    assert all(record == STATE or isinstance(record, Lost) for record in records[1:])
