"""A file that is written by a thread of its own: a hanging file system stops nobody else."""

import fcntl
import os
import stat
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ktrace.errors import UsageError

CAPACITY = 8 << 20  # bytes that may wait
_BATCH = 256 << 10  # bytes that are written at once
_FLUSH_S = 0.5  # half of what the format promises: writing takes time, too
_RETRY_S = 1.0
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY
_OPEN_ALREADY = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/self/fd/")


def open_output(path: str | Path, *, force: bool = False) -> int:
    """A descriptor that appends to a new file, which its owner alone may read: a trace holds
    addresses of the kernel and names of cgroups. A device, a FIFO, or /dev/stdout is used as it is.

    force: an existing file is emptied. Raises UsageError.
    """
    try:
        return _create(path)
    except FileExistsError:
        pass
    except OSError as error:
        raise _refusal(path, error.strerror) from None
    try:
        fd = os.open(path, _FLAGS)
    except OSError as error:
        raise _refusal(path, error.strerror) from None
    try:
        _take_over(fd, path, force)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _create(path: str | Path) -> int:
    fd = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with suppress(OSError):  # not every file system has locks
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return fd


def _take_over(fd: int, path: str | Path, force: bool) -> None:
    """What was there before."""
    mode = os.fstat(fd).st_mode
    if stat.S_ISBLK(mode):  # root may do that, but never means it
        raise _refusal(path, "it is a disk, not a file")
    if not stat.S_ISREG(mode) or str(path).startswith(_OPEN_ALREADY):
        return
    if not force:
        raise UsageError(f"{path} exists", hint="--force overwrites it")
    try:
        if not os.path.samestat(os.lstat(path), os.fstat(fd)):
            raise _refusal(path, "it is a symbolic link")
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(fd, 0)
    except BlockingIOError:
        raise _refusal(path, "another ktrace records into it") from None
    except OSError as error:
        raise _refusal(path, error.strerror) from None


def _refusal(path: str | Path, why: str | None) -> UsageError:
    return UsageError(f"cannot write {path}: {why}")


class BackgroundFile:
    """Chunks are put by one thread, and written and synced by another.

    After an error (the disk is full) writing is tried again every second, from the very byte
    where it stopped: nothing is lost as long as what waits fits into the queue.
    """

    def __init__(
        self,
        path: str | Path,
        pack: Callable[[bytes], bytes] | None = None,
        capacity: int = CAPACITY,
        *,
        force: bool = False,
    ) -> None:
        self.failure: str | None = None  # the first one, with the file's name
        self._path = path
        self._fd = open_output(path, force=force)
        self._regular = stat.S_ISREG(os.fstat(self._fd).st_mode)
        self._pack = pack
        self._capacity = capacity
        self._wake = threading.Condition(threading.Lock())  # guards the next four
        self._chunks: deque[bytes] = deque()
        self._queued = 0
        self._urgent = False
        self._closing = False
        self._rest = memoryview(b"")  # of the batch that is being written
        self._synced = 0.0
        self._dirty = False
        self._complete = False
        self._thread = threading.Thread(target=self._run, name="ktrace-file", daemon=True)
        self._thread.start()

    def put(self, chunk: bytes, *, urgent: bool = False, reserve: int = 0) -> bool:
        """Never waits. False if the chunk would leave less than `reserve` bytes of the queue."""
        with self._wake:
            if self._queued + len(chunk) + reserve > self._capacity:
                return False
            self._chunks.append(chunk)
            self._queued += len(chunk)
            if urgent or self._queued >= _BATCH:
                self._urgent = True
                self._wake.notify()
        return True

    def close(self, timeout_s: float) -> bool:
        """Whether everything got out, in timeout_s at most."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(timeout_s)
        return self._complete

    def _run(self) -> None:
        last = False
        while not last:
            last = self._wait(_FLUSH_S, or_urgent=True)
            try:
                self._write_batch()
                while last and self._write_batch():
                    pass
                self._sync(at_once=last)
                self._complete = last
            except OSError as error:
                self._fail(error)
                if not last:
                    self._wait(_RETRY_S, or_urgent=False)
        self._close_fd()

    def _wait(self, timeout_s: float, *, or_urgent: bool) -> bool:
        """Whether the file is to be closed."""
        with self._wake:
            self._wake.wait_for(
                lambda: self._closing or (or_urgent and self._urgent), timeout=timeout_s
            )
            return self._closing

    def _write_batch(self) -> bool:
        """False if there is nothing to write."""
        self._rest = self._rest or self._take()
        found = bool(self._rest)
        while self._rest:
            self._rest = self._rest[os.write(self._fd, self._rest) :]
            self._dirty = True
        return found

    def _take(self) -> memoryview:
        batch, size = [], 0
        with self._wake:
            while self._chunks and size < _BATCH:
                batch.append(self._chunks.popleft())
                size += len(batch[-1])
            self._queued -= size
            self._urgent = self._urgent and bool(self._chunks)
        data = b"".join(batch)
        return memoryview(self._pack(data) if self._pack and data else data)

    def _sync(self, *, at_once: bool) -> None:
        now = time.monotonic()
        if self._dirty and self._regular and (at_once or now - self._synced >= _FLUSH_S):
            self._dirty = False  # after an error the pages count as clean, so a retry is vain
            os.fdatasync(self._fd)
            self._synced = time.monotonic()

    def _fail(self, error: OSError) -> None:
        self._complete = False
        if self.failure is None:
            self.failure = f"cannot write {self._path}: {error.strerror}"

    def _close_fd(self) -> None:
        try:
            os.close(self._fd)
        except OSError as error:  # NFS tells only now
            self._fail(error)
