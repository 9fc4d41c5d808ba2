"""Files that ktrace, as root, replaces as a whole in a folder where others may write, too."""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import BinaryIO


def open_private(path: str) -> BinaryIO:
    """A regular file, to be read. Raises OSError; for a symbolic link, too, and does not wait for
    the writer of a FIFO."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(f"{path} is no regular file")
    return open(fd, "rb")


def replace_private(path: str, data: bytes) -> None:
    """As replace_file(); a new file is its owner's alone, of an old one owner and mode are kept."""
    _replace(path, data, 0o600, partial(_keep_owner, path))


def replace_file(path: str, data: bytes, mode: int) -> None:
    """Put data in place of path as a whole: a crash leaves the old file or the new one.

    mode: less the umask, whatever was there. What is written first has a name that nobody can
    guess, so that no symbolic link leads it elsewhere; a link at path itself is replaced, not
    followed. Raises OSError.
    """
    _replace(path, data, mode, lambda fd: None)


def _replace(path: str, data: bytes, mode: int, prepare: Callable[[int], None]) -> None:
    new = os.path.join(os.path.dirname(path) or os.curdir, f".ktrace-{os.urandom(8).hex()}")
    fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with open(fd, "wb") as file:
            prepare(fd)
            file.write(data)
            file.flush()
            os.fsync(fd)
        os.replace(new, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(new)
        raise


def _keep_owner(path: str, fd: int) -> None:
    try:
        old = os.lstat(path)
    except FileNotFoundError:
        return
    if stat.S_ISREG(old.st_mode):
        with suppress(PermissionError):  # only root may give files away
            os.fchown(fd, old.st_uid, old.st_gid)
            os.fchmod(fd, stat.S_IMODE(old.st_mode))
