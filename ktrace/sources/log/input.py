"""Where the bytes of a kernel log come from: files, packed or not, and the running kernel."""

import codecs
import errno
import gzip
import lzma
import os
import shutil
import subprocess
from typing import Any, BinaryIO, Protocol


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def open_log(path: str) -> Any:
    """The file as plain bytes: unpacked (gzip, xz, zstd), and in UTF-8 where it is UTF-16.

    To be closed by the caller. Raises OSError; so does read(), or EOFError or lzma.LZMAError
    where what is packed is damaged.
    """
    with open(path, "rb") as file:
        start = file.read(6)
    if start.startswith(b"\x1f\x8b"):
        return gzip.open(path, "rb")
    if start == b"\xfd7zXZ\0":
        return lzma.open(path, "rb")
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        return _Zstd(path)
    plain = open(path, "rb")  # noqa: SIM115
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _Utf16(plain)
    return plain


class _Zstd:
    """A file that zstd has packed, unpacked by zstd: Python has it since 3.14 only."""

    def __init__(self, path: str) -> None:
        program = shutil.which("zstd")
        if program is None:
            raise OSError(errno.ENOENT, "it is packed with zstd, and the program zstd is missing")
        self._process = subprocess.Popen(
            [program, "-dcq", "--", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def read(self, size: int, /) -> bytes:
        assert self._process.stdout
        assert self._process.stderr
        block = self._process.stdout.read(size)
        if not block and self._process.wait():
            said = self._process.stderr.read(400).decode("utf-8", "replace").strip()
            raise OSError(errno.EIO, said or f"zstd failed with {self._process.returncode}")
        return block

    def close(self) -> None:
        """Ends zstd too, which may not be at the end of the file."""
        assert self._process.stdout
        assert self._process.stderr
        self._process.kill()
        self._process.stdout.close()
        self._process.stderr.close()
        self._process.wait()


class _Utf16:
    """A file in UTF-16, read as UTF-8."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-16")("replace")

    def read(self, size: int, /) -> bytes:
        while block := self._file.read(size):
            if text := self._decoder.decode(block):
                return text.encode("utf-8", "replace")
        return b""

    def close(self) -> None:
        self._file.close()


class KernelLog:
    """The running kernel's log from /dev/kmsg, a record at a time. Raises OSError."""

    def __init__(self) -> None:
        self._fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)

    def read(self, _size: int, /) -> bytes:
        while True:
            try:
                return os.read(self._fd, 8192)
            except BlockingIOError:
                return b""
            except OSError as error:
                if error.errno != errno.EPIPE:  # EPIPE: records were overwritten meanwhile
                    raise

    def close(self) -> None:
        os.close(self._fd)
