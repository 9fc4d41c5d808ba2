"""ktrace's side of the process that writes the trace: it hands chunks over, and never waits.

A chunk is kept until the process has synced it: should its file system hang when the run ends,
ktrace still has the rest.
"""

import fcntl
import os
import select
import signal
import time
from collections import deque

_PIPE_BYTES = 1 << 20  # what the process may fall behind without ktrace noticing
_SEND_BYTES = 64 << 10  # at once
_RETRY_S = 0.01
_EXIT_S = 0.2  # for a process to end that has nothing left to do
_EXIT_POLL_S = 0.001
_FIRST_FD = 3  # a closed stdout stays closed

_OPTIONS = ("--record", "--output", "--traces")

_early: "WriterProcess | None" = None


def fork_early(argv: list[str]) -> None:
    """Before ktrace imports anything: the process stays small. To be called for a ktrace that
    seems to be asked for a recording."""
    global _early
    if _records(argv):
        _early = WriterProcess()


def take() -> "WriterProcess":
    """The process that was forked early, or a new one."""
    global _early
    process, _early = _early or WriterProcess(), None
    return process


def _records(argv: list[str]) -> bool:
    own = argv[1 : argv.index("--")] if "--" in argv else argv[1:]
    return own[:1] not in (["lab"], ["receive"]) and any(
        arg.startswith("-o") or arg.split("=")[0] in _OPTIONS for arg in own
    )


class WriterProcess:
    """state: "opening", "unread" (opening: no reader yet), "open", "refused" (the file), "done"
    (all is written, the process has ended), "gone" (it has ended before)."""

    def __init__(self) -> None:
        """Forks it. It does nothing before write_to()."""
        self.state = "opening"
        self.why = ""  # it was refused
        self.failure = ""  # the first error in writing
        self.is_stream = False  # it is open, and a device, FIFO, pipe or terminal
        self.file_bytes = 0  # written and synced
        self._kept: deque[bytes] = deque()  # not synced, the oldest first
        self._synced = 0  # bytes handed over that are
        self._kept_at = 0  # of kept: where the first begins
        self._put = 0  # all bytes
        self._unsent: deque[bytes] = deque()
        self._sending = memoryview(b"")
        self._ending = False
        self._told = b""  # an incomplete line
        self._reaped = False
        self._all_written = False
        orders, self._orders = _pipe()
        data, self._data = _pipe()
        self._status, status = _pipe()
        self._pid = os.fork()
        if not self._pid:
            _be_the_process(orders, data, status, (self._orders, self._data, self._status))
        for fd in (orders, data, status):
            os.close(fd)
        for fd in (self._data, self._status):
            os.set_blocking(fd, False)
        try:
            fcntl.fcntl(self._data, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        except OSError:  # more than this user may have
            pass

    def write_to(
        self, path: str, *, force: bool = False, packed: bool = False, kind: str = "file"
    ) -> None:
        """Have it open the file; that is done when `state` says so. kind: file, segments (in a
        folder, segment_writer.py), snapshots (snapshot_writer.py)."""
        flags = ("f" if force else "-") + ("z" if packed else "-")
        try:
            os.write(self._orders, f"{flags}{kind} {path}".encode(errors="surrogateescape"))
        except BrokenPipeError:
            self.state = "gone"
        os.close(self._orders)

    @property
    def waiting(self) -> int:
        """Bytes that are not synced."""
        return self._put - self._synced

    @property
    def behind(self) -> bool:
        """Is there something that it has not got yet?"""
        return bool(self._unsent or self._sending)

    def put(self, chunk: bytes) -> None:
        """To be handed over by flush()."""
        self._kept.append(chunk)
        self._put += len(chunk)
        self._unsent.append(chunk)

    def flush(self) -> None:
        """Hand over what it takes, and learn what it has done. Does not wait."""
        try:
            while self.behind:
                self._sending = self._sending or self._next()
                self._sending = self._sending[os.write(self._data, self._sending) :]
        except BrokenPipeError:  # it has ended; why, it has told
            self._unsent.clear()
            self._sending = memoryview(b"")
        except OSError:  # the pipe is full, or there is no memory: later
            pass
        if self._ending and not self.behind:
            self._close_data()
        self._listen()

    def end(self) -> None:
        """Nothing more will be put."""
        self._ending = True
        self.flush()

    def wait(self, timeout_s: float, *states: str) -> bool:
        """Go on until it has one of these states, or has refused or ended; for timeout_s at
        most."""
        until = time.monotonic() + timeout_s
        self.flush()
        while self.state not in (*states, "refused", "done", "gone"):
            left = until - time.monotonic()
            if left <= 0:
                return False
            poll = select.poll()
            poll.register(self._status, select.POLLIN)
            if self.behind:
                poll.register(self._data, select.POLLOUT)
            try:
                poll.poll(left * 1000)
            except OSError:
                time.sleep(_RETRY_S)
            self.flush()
        return self.state in states

    def rest(self) -> tuple[int, list[bytes]]:
        """What is not known to be synced, chunk by chunk, and how many bytes came before it."""
        return self._kept_at, list(self._kept)

    def leave(self) -> None:
        """Nobody waits for it any more. It writes the rest of a file when the file system goes on;
        but there may never be a reader of a FIFO."""
        if (self.state == "unread" or self.is_stream) and not self._reaped:
            os.kill(self._pid, signal.SIGKILL)
        self._close_data()
        os.close(self._status)
        self._reap()

    def _next(self) -> memoryview:
        chunks, size = [], 0
        while self._unsent and size < _SEND_BYTES:
            chunks.append(self._unsent.popleft())
            size += len(chunks[-1])
        return memoryview(b"".join(chunks))

    def _close_data(self) -> None:
        if self._data >= 0:
            os.close(self._data)
            self._data = -1

    def _listen(self) -> None:
        try:
            while found := os.read(self._status, 1 << 16):
                *lines, self._told = (self._told + found).split(b"\n")
                for line in lines:
                    self._learn(*line.decode().split(" ", 1))
        except OSError:  # nothing has come, as a rule
            return
        self._reap()
        if self._all_written and not self.waiting:
            self.state = "done"
        elif self.state != "refused":
            self.state = "gone"
            self.failure = self.failure or "the process that writes it was ended"

    def _learn(self, what: str, more: str = "") -> None:
        match what:
            case "unread":
                self.state = what
            case "done":
                self._all_written = True
            case "open":
                self.state, self.is_stream = what, more == "stream"
            case "refused":
                self.state, self.why = what, more
            case "failed":
                self.failure = more
            case "synced":
                synced, written = more.split()
                self._synced, self.file_bytes = int(synced), int(written)
                self._let_go()

    def _let_go(self) -> None:
        while self._kept and self._kept_at + len(self._kept[0]) <= self._synced:
            self._kept_at += len(self._kept.popleft())

    def _reap(self) -> None:
        """It ends when it has told so; for one that hangs nobody waits."""
        until = time.monotonic() + (_EXIT_S if self._all_written else 0.0)
        while not self._reaped:
            self._reaped = os.waitpid(self._pid, os.WNOHANG)[0] != 0
            if time.monotonic() >= until:
                return
            time.sleep(_EXIT_POLL_S)


def _pipe() -> tuple[int, int]:
    """Its ends, neither of which takes the place of a closed stdin, stdout or stderr."""
    ends = []
    for fd in os.pipe():
        ends.append(fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST_FD))
        os.close(fd)
    return ends[0], ends[1]


def _be_the_process(orders: int, data: int, status: int, others: tuple[int, ...]) -> None:
    """Does not return."""
    try:
        for fd in others:
            os.close(fd)
        from ktrace.trace.file_writer import serve

        serve(orders, data, status)
    finally:
        os._exit(0)
