"""Opens the file that a trace goes to, whoever else may write in its folder.

The process that writes traces imports this before anything else is there: it imports little.
"""

import fcntl
import os
import stat

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY
_OPEN_ALREADY = ("/dev/stdout", "/dev/stderr", "/dev/fd/", "/proc/self/fd/")
_CONNECTION = "tcp:"
EXISTS = "it exists"


class Refused(Exception):
    """That file will not be written: why, in some words."""


def is_open_already(path: str) -> bool:
    """Does it name a descriptor of this process?"""
    return path.startswith(_OPEN_ALREADY)


def is_connection(path: str) -> bool:
    """Does it name no file, but another machine?"""
    return path.startswith(_CONNECTION)


def address(path: str) -> str:
    """Of a connection."""
    return path.removeprefix(_CONNECTION)


def is_fifo(path: str) -> bool:
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except OSError:
        return False


def open_output(path: str, *, force: bool = False) -> int:
    """A descriptor that appends to a new file, which its owner alone may read: a trace holds
    addresses of the kernel and names of cgroups. A device, a FIFO, or /dev/stdout is used as it is.

    force: an existing file is emptied. Raises Refused. Waits for the reader of a FIFO, and for a
    file system that hangs.
    """
    try:
        return create(path)
    except FileExistsError:
        pass
    except OSError as error:
        raise Refused(error.strerror) from None
    try:
        fd = os.open(path, _FLAGS)
    except OSError as error:
        raise Refused(error.strerror) from None
    try:
        _take_over(fd, path, force)
    except BaseException:
        os.close(fd)
        raise
    return fd


def create(path: str, folder: int | None = None) -> int:
    """A new file, for its owner alone. folder: a descriptor; path is one in it. Raises OSError."""
    flags = _FLAGS | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    fd = os.open(path, flags, 0o600, dir_fd=folder)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # not every file system has locks
        pass
    return fd


def _take_over(fd: int, path: str, force: bool) -> None:
    """What was there before."""
    mode = os.fstat(fd).st_mode
    if stat.S_ISBLK(mode):  # root may do that, but never means it
        raise Refused("it is a disk, not a file")
    if not stat.S_ISREG(mode) or is_open_already(path):
        return
    if not force:
        raise Refused(EXISTS)
    try:
        if not os.path.samestat(os.lstat(path), os.fstat(fd)):
            raise Refused("it is a symbolic link")
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(fd, 0)
    except BlockingIOError:
        raise Refused("another ktrace records into it") from None
    except OSError as error:
        raise Refused(error.strerror) from None
