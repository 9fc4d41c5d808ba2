"""The process that writes a trace in segments: files in a folder, the oldest of which go.

What ktrace hands over is what a file would get, but that a line with a mark in front begins each
file: its name, and how many bytes all files may have by then. Nothing else holds the mark, as a
trace is ASCII text.
"""

import fcntl
import os
import re
import stat

from ktrace.trace.file_writer import FileWriter, give_up_privileges
from ktrace.trace.output import create

MARK = b"\x1e"
_MARK = re.compile(MARK)
_LINE = re.compile(MARK + rb"(\d+) ([^\n]*)\n")
PREFIX, SUFFIX = "ktrace-", ".ktrace"
_NAMES_TRIED = 100  # two runs may begin in one second


def mark_line(name: str, keep: int) -> bytes:
    """What begins a file of that name. keep: bytes of all files in the folder, at most."""
    return b"%b%d %b\n" % (MARK, keep, name.encode())


class SegmentWriter(FileWriter):
    """Its path is a folder that belongs to whom ktrace runs as, and nobody else may write to."""

    _folder = -1

    def _open(self, force: bool) -> bool:
        self._let_go()
        try:
            self._folder = _open_folder(self._path)
        except OSError as error:
            self._tell(f"refused {error.strerror or error}")
            return False
        os.chdir("/")
        give_up_privileges()
        self._regular = True
        self._tell("open file")
        return True

    def _take(self) -> memoryview:
        """What belongs to the present file. Raises OSError where the next one cannot be opened;
        then nothing has been taken."""
        came = self._buffers[0][: self._filled]
        at = 0
        if came[:1] == MARK:
            line = _LINE.match(came)
            if line is None and not self._ended:
                return came[:0]  # the rest of the line has not come
            if line:
                self._begin(line[2].decode(), int(line[1]))
            at = line.end() if line else len(came)
        found = _MARK.search(came, at)
        end = found.start() if found else len(came)
        self._buffers.reverse()
        self._filled = len(came) - end
        self._buffers[0][: self._filled] = came[end:]
        self._taken += end
        return came[at:end]

    def _begin(self, name: str, keep: int) -> None:
        if self._fd >= 0:
            self._in_doubt |= not _synced(self._fd)
            os.close(self._fd)
            self._fd, self._unsynced = -1, 0
        self._fd = self._new(name)
        self._prune(keep)

    def _new(self, name: str) -> int:
        for number in range(_NAMES_TRIED):
            more = f"-{number}" if number else ""
            try:
                return create(f"{name}{more}{SUFFIX}", self._folder)
            except FileExistsError:
                continue
        return create(f"{name}{SUFFIX}", self._folder)

    def _prune(self, keep: int) -> None:
        """Remove the oldest, but never the newest."""
        sizes = []
        for name in sorted(os.listdir(self._folder)):
            found = os.stat(name, dir_fd=self._folder, follow_symlinks=False)
            if name.startswith(PREFIX) and name.endswith(SUFFIX) and stat.S_ISREG(found.st_mode):
                sizes.append((name, found.st_size))
        total = sum(size for _, size in sizes)
        for name, size in sizes[:-1]:
            if total <= keep:
                break
            os.unlink(name, dir_fd=self._folder)
            total -= size

    def _close(self) -> None:
        if self._fd >= 0:
            super()._close()
        elif not self._filled:
            self._tell("done")


def _synced(fd: int) -> bool:
    try:
        os.fdatasync(fd)
    except OSError:
        return False
    return True


def _open_folder(path: str) -> int:
    """Made where it is missing. Raises OSError."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    found = os.fstat(fd)
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise OSError(None, "the folder is not ktrace's alone: others may write to it")
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OSError(None, "another ktrace writes to it") from None
    return fd
