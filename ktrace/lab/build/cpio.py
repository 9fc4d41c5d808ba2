"""An initramfs archive: cpio in its "newc" format, the only one that the kernel unpacks."""

import stat
from dataclasses import dataclass, field

_MAGIC = b"070701"
_TRAILER = "TRAILER!!!"


@dataclass
class Archive:
    """Collects files, directories and links; `data()` is the archive."""

    _members: list[bytes] = field(default_factory=list)

    def directory(self, name: str) -> None:
        self._add(name, stat.S_IFDIR | 0o755, b"")

    def link(self, name: str, target: str) -> None:
        self._add(name, stat.S_IFLNK | 0o777, target.encode())

    def file(self, name: str, content: bytes, mode: int = 0o644) -> None:
        self._add(name, stat.S_IFREG | mode, content)

    def data(self) -> bytes:
        return b"".join(self._members) + _member(0, _TRAILER, 0, b"")

    def _add(self, name: str, mode: int, content: bytes) -> None:
        # Numbered from 1: two members with one inode number would be hard links.
        inode = len(self._members) + 1
        self._members.append(_member(inode, name, mode, content))


def _member(inode: int, name: str, mode: int, content: bytes) -> bytes:
    encoded = name.encode() + b"\0"
    # ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
    fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
    header = _MAGIC + b"".join(b"%08X" % value for value in fields)
    return _padded(header + encoded) + _padded(content)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
