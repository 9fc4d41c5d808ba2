"""The process that keeps a file up to date: each snapshot replaces the one before, whole."""

import os
import stat

from ktrace.trace.file_writer import BATCH, FileWriter, give_up_privileges

END = b"\x1e"  # of a snapshot, which is text without it


class SnapshotWriter(FileWriter):
    _folder = -1

    def run(self, *, force: bool, packed: bool) -> None:
        folder, name = os.path.split(self._path)
        self._let_go()
        try:
            self._folder = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            known = _kind(name, self._folder)
        except OSError as error:
            self._tell(f"refused {error.strerror}")
            return
        if known is not None and not stat.S_ISREG(known):
            self._tell("refused it is no file")
            return
        give_up_privileges()
        self._tell("open file")
        rest = b""
        while chunk := os.read(self._data, BATCH):
            self._taken += len(chunk)
            *whole, rest = (rest + chunk).split(END)
            if whole:
                self._replace(name, whole[-1])
            self._tell(f"synced {self._taken} {self._written}")
        self._tell("done")

    def _replace(self, name: str, text: bytes) -> None:
        """Readers see the old one or the new one, whole."""
        new = f".{name}.{os.getpid()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            fd = os.open(new, flags, 0o644, dir_fd=self._folder)
            try:
                left = memoryview(text)
                while left:  # a disk that becomes full takes a part
                    left = left[os.write(fd, left) :]
            finally:
                os.close(fd)
            os.rename(new, name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            self._written += len(text)
            self._failed = False
        except OSError as error:
            self._fail(error)


def _kind(name: str, folder: int) -> int | None:
    """The type of what is there; None: nothing."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None
