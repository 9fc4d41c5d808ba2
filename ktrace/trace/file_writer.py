"""The process that opens, writes and syncs a trace: what its file system does to it, it does to
nobody else. It imports little, and is forked before ktrace imports more: writer_process.py.

After an error (the disk is full) writing is tried again every second, from the very byte where it
stopped: nothing is lost as long as what waits fits into ktrace's queue. When ktrace has ended, or
is gone, the rest is written and the process ends; at an error it ends, too, since ktrace has
written what is missing to a second place (spill.py).
"""

import errno
import os
import select
import signal
import stat
import time

from ktrace.trace.output import Refused, is_connection, is_fifo, is_open_already, open_output

BATCH = 256 << 10  # bytes that are written at once
_FLUSH_S = 0.5  # half of what the format promises: writing takes time, too
_RETRY_S = 1.0
_UNSYNCED = 2 << 20  # bytes, at most: they count as waiting
_IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_COMM = "ktrace-file"
_OOM_SCORE_ADJ_MIN = -1000
_GZIP = 31  # wbits: with gzip's header and trailer


def serve(orders: int, data: int, status: int) -> None:
    """Runs until data has ended. orders: "f" (force) or "-", "z" (gzip) or "-", the kind of output
    and a blank, and the path; it is ended by ktrace. status: lines for ktrace, see
    writer_process.py."""
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    order = _read_all(orders)
    if order:
        kind, _, path = order[2:].partition(b" ")
        writer = _writer_of(kind)  # nothing is imported once memory is locked
        _survive()
        writer(path.decode(errors="surrogateescape"), data, status).run(
            force=order[:1] == b"f", packed=order[1:2] == b"z"
        )


def _writer_of(kind: bytes) -> "type[FileWriter]":
    if kind == b"segments":
        from ktrace.trace.segment_writer import SegmentWriter

        return SegmentWriter
    if kind == b"snapshots":
        from ktrace.trace.snapshot_writer import SnapshotWriter

        return SnapshotWriter
    return FileWriter


class FileWriter:
    def __init__(self, path: str, data: int, status: int) -> None:
        self._path = path
        self._data = data
        self._status = status
        self._fd = -1
        self._regular = False
        self._connected = False  # it is a connection
        self._packed = False
        # what comes goes into the first, while the second is written; touched now: later there may
        # be no memory
        self._buffers = [memoryview(bytearray(b"\1") * BATCH) for _ in range(2)]
        self._filled = 0  # bytes of the first
        self._ended = False  # nothing more will come
        self._rest = memoryview(b"")  # of the batch that is being written
        self._taken = 0  # bytes of the data, with that batch
        self._written = 0  # bytes of the file
        self._told = 0
        self._unsynced = 0  # bytes of the file
        self._written_t = self._synced_t = float("-inf")
        self._failed = False  # told
        self._in_doubt = False  # what was written may not be on the disk

    def run(self, *, force: bool, packed: bool) -> None:
        self._packed = packed
        if not self._open(force):
            return
        while not (self._ended and self._is_idle()):
            self._fill()
            try:
                self._write()
            except OSError as error:
                self._fail(error)
                if self._ended or self._is_alone():
                    break
                time.sleep(_RETRY_S)
        self._close()

    def _open(self, force: bool) -> bool:
        own = is_open_already(self._path)
        if not own:  # whoever reads ktrace's output shall not wait for this process
            self._let_go()
        try:
            self._fd = self._opened(force)
        except Refused as refused:
            self._tell(f"refused {refused}")
            return False
        if own:
            self._let_go()
        os.chdir("/")
        give_up_privileges()
        self._regular = stat.S_ISREG(os.fstat(self._fd).st_mode)
        self._tell("open file" if self._regular else "open stream")
        return True

    def _opened(self, force: bool) -> int:
        self._connected = is_connection(self._path)
        if self._connected or is_fifo(self._path):
            self._tell("unread")
        if not self._connected:
            fd = open_output(self._path, force=force)
            if os.isatty(fd):
                from ktrace.trace.serial_port import pass_bytes_on

                pass_bytes_on(fd)
            return fd
        from ktrace.trace.connection import connect

        try:
            return connect(self._path)
        except (OSError, ValueError) as error:
            raise Refused(getattr(error, "strerror", None) or str(error)) from None

    def _let_go(self) -> None:
        """Of all descriptors that ktrace was started with."""
        null = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(null, number)
        low = 3
        for kept in sorted({self._data, self._status, self._fd} - {-1}):
            os.closerange(low, kept)
            low = kept + 1
        os.closerange(low, os.sysconf("SC_OPEN_MAX"))

    def _is_idle(self) -> bool:
        return not (self._filled or self._rest or self._unsynced)

    def _is_alone(self) -> bool:
        """Has ktrace left? A full buffer takes in nothing, and does not see the end of the data."""
        poll = select.poll()
        poll.register(self._status, 0)
        try:
            return bool(poll.poll(0))  # POLLERR: nobody has the other end of the pipe
        except OSError:  # no memory
            return False

    def _fill(self) -> None:
        """Take in what has come; wait for it until something is due."""
        due = min(self._written_t, self._synced_t) + _FLUSH_S - time.monotonic()
        wait_s = None if self._is_idle() else max(0.0, due)
        while not self._ended and self._filled < BATCH:
            if not _is_readable(self._data, wait_s):
                break
            count = os.readv(self._data, [self._buffers[0][self._filled :]])
            self._ended = not count
            self._filled += count
            wait_s = 0.0

    def _write(self) -> None:
        now = time.monotonic()
        full = self._filled >= BATCH
        if self._rest or full or self._ended or now - self._written_t >= _FLUSH_S:
            self._rest = self._rest or self._take()
            while self._rest:
                done = os.write(self._fd, self._rest)
                self._rest = self._rest[done:]
                self._written += done
                self._unsynced += done
            self._written_t = now
        self._sync()

    def _take(self) -> memoryview:
        data = self._buffers[0][: self._filled]
        self._buffers.reverse()
        self._filled = 0
        self._taken += len(data)
        return memoryview(_member(data)) if self._packed and data else data

    def _sync(self) -> None:
        now = time.monotonic()
        due = now - self._synced_t >= _FLUSH_S or self._unsynced >= _UNSYNCED or self._ended
        if self._unsynced and due:
            self._unsynced = 0  # after an error the pages count as clean, so a retry is vain
            try:
                if self._regular:
                    os.fdatasync(self._fd)
            except OSError as error:
                self._in_doubt = True
                self._fail(error)
            self._synced_t = time.monotonic()
        if self._told != self._taken and not self._unsynced and not self._rest:
            self._told = self._taken
            self._tell(f"synced {self._taken} {self._written}")

    def _close(self) -> None:
        try:
            if self._connected and not self._rest:
                self._wait_confirmed()
            os.close(self._fd)
        except OSError as error:  # NFS tells only now
            self._in_doubt = True
            self._fail(error)
        if not (self._in_doubt or self._rest or self._filled):
            self._tell("done")

    def _wait_confirmed(self) -> None:
        """ktrace ends this process when it has waited long enough."""
        from ktrace.trace.connection import confirmed

        if not confirmed(self._fd):
            raise OSError(errno.EPROTO, "the receiver does not say that it has it all")

    def _fail(self, error: OSError) -> None:
        if not self._failed:
            self._failed = True
            self._tell(f"failed {error.strerror}")

    def _tell(self, line: str) -> None:
        try:
            os.write(self._status, f"{line}\n".encode())
        except OSError:  # ktrace is gone
            pass


def give_up_privileges() -> None:
    """What is left to do needs none, but that locked memory may grow."""
    from ktrace.kernel.capabilities import Capability, restrict

    try:
        restrict((Capability.CAP_IPC_LOCK,))
    except OSError:  # ktrace itself tells of it
        pass


def _member(data: memoryview) -> bytes:
    """A gzip file of its own; such files one after another are a gzip file again."""
    import zlib  # few traces need it

    packer = zlib.compressobj(wbits=_GZIP)
    return packer.compress(data) + packer.flush()


def _is_readable(fd: int, timeout_s: float | None) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    try:
        return bool(poll.poll(None if timeout_s is None else timeout_s * 1000))
    except OSError:  # no memory: reading waits, too
        return True


def _read_all(fd: int) -> bytes:
    found = b""
    while chunk := os.read(fd, 1 << 16):
        found += chunk
    os.close(fd)
    return found


def _survive() -> None:
    """As ktrace.survival does, in small: memory is locked, and the OOM killer is told to leave it
    alone. ktrace itself says what of that is not possible."""
    import zlib  # noqa: F401  # and what is needed later: nothing is imported once memory is locked

    from ktrace import real_time
    from ktrace.kernel import capabilities  # noqa: F401
    from ktrace.locked_memory import lock_memory

    _put("/proc/self/comm", _COMM)
    lock_memory()
    _put("/proc/self/oom_score_adj", str(_OOM_SCORE_ADJ_MIN))
    real_time.take()


def _put(path: str, text: str) -> None:
    try:
        with open(path, "w") as file:
            file.write(text)
    except OSError:
        pass
