"""Where the bytes of a kernel log come from: files, packed or not, and the running kernel."""

import codecs
import errno
import io
import lzma
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from ktrace.sources.log.escaped import Escaped, is_escaped
from ktrace.sources.log.record_list import RecordList, is_list
from ktrace.trace.damage import Damage
from ktrace.trace.gzip_members import MAGIC, gunzip

_CHUNK = 1 << 16


def open_log(path: str, damage: Damage) -> Any:
    """The file as plain bytes, "-" is stdin: unpacked (gzip, xz, zstd), and in UTF-8 where it is
    UTF-16. Damage in gzip data goes to `damage`, and what is around it is read.

    To be closed by the caller. Raises OSError; so does read(), or EOFError or lzma.LZMAError
    where what is packed by xz is damaged.
    """
    file = _open(path)
    ahead = file.peek(6)
    start = ahead[:6]
    if start.startswith(MAGIC):
        return _Gzip(file, damage)
    if start == b"\xfd7zXZ\0":
        return _Xz(file)
    if start.startswith(b"\x28\xb5\x2f\xfd"):
        file.close()
        return _Zstd(path)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _Utf16(file)
    if is_escaped(ahead):
        return Escaped(file)
    if is_list(ahead):
        return RecordList(file)
    return file


def _open(path: str) -> io.BufferedReader:
    if path != "-":
        return open(path, "rb")
    stdin = getattr(sys.stdin, "buffer", None)
    if stdin is None:
        raise OSError(errno.EBADF, "it is closed")
    return cast(io.BufferedReader, stdin)


class _Gzip:
    """A file that gzip has packed."""

    def __init__(self, file: BinaryIO, damage: Damage) -> None:
        self._file = file
        self._parts = gunzip(self._chunks(), damage)

    def read(self, size: int, /) -> bytes:
        found, length = [], 0
        for part in self._parts:
            found.append(part)
            length += len(part)
            if length >= size:
                break
        return b"".join(found)

    def close(self) -> None:
        self._file.close()

    def _chunks(self) -> Iterator[bytes]:
        while chunk := self._file.read(_CHUNK):
            yield chunk


class _Xz:
    """A file that xz has packed. lzma.open() would keep what comes before an error to itself."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._unpacker = lzma.LZMADecompressor()

    def read(self, size: int, /) -> bytes:
        while True:
            data = b""
            if self._unpacker.eof:  # streams may follow one another, zeros between
                data = self._unpacker.unused_data.lstrip(b"\0") or self._file.read(_CHUNK)
                if not data.strip(b"\0"):
                    return b""
                self._unpacker = lzma.LZMADecompressor()
            elif self._unpacker.needs_input:
                data = self._file.read(_CHUNK)
                if not data:
                    raise EOFError("the file ends within xz data")
            if found := self._unpacker.decompress(data, size):
                return found

    def close(self) -> None:
        self._file.close()


class _Zstd:
    """A file that zstd has packed, unpacked by zstd: Python has it since 3.14 only."""

    def __init__(self, path: str) -> None:
        if path == "-":
            raise OSError(errno.EINVAL, "unpack it first: zstd -dc | ktrace dmesg -")
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
