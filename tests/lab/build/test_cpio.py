"""The initramfs archive, as an independent reader sees it."""

import stat
from typing import NamedTuple

import pytest

from ktrace.lab.build.cpio import Archive

pytestmark = pytest.mark.unit


class Member(NamedTuple):
    inode: int
    mode: int
    content: bytes


def members(data: bytes) -> dict[str, Member]:
    """Read a newc archive: 6 bytes of magic, 13 fields of 8 hexadecimal digits."""
    found: dict[str, Member] = {}
    at = 0
    while True:
        assert data[at : at + 6] == b"070701"
        fields = [int(data[at + 6 + 8 * i : at + 14 + 8 * i], 16) for i in range(13)]
        name_at = at + 110
        name = data[name_at : name_at + fields[11] - 1].decode()
        content_at = (name_at + fields[11] + 3) & ~3
        if name == "TRAILER!!!":
            return found
        content = data[content_at : content_at + fields[6]]
        found[name] = Member(fields[0], fields[1], content)
        at = (content_at + fields[6] + 3) & ~3


def test_archive() -> None:
    archive = Archive()
    archive.directory("bin")
    archive.link("sbin", "bin")
    archive.file("init", b"#!/bin/sh\n", mode=0o755)
    archive.file("empty", b"")
    found = members(archive.data())
    assert found["bin"].mode == stat.S_IFDIR | 0o755
    assert found["sbin"] == Member(2, stat.S_IFLNK | 0o777, b"bin")
    assert found["init"] == Member(3, stat.S_IFREG | 0o755, b"#!/bin/sh\n")
    assert found["empty"].content == b""
    assert len(archive.data()) % 4 == 0
    assert len({member.inode for member in found.values()}) == len(found)
