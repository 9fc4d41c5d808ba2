"""Programs that come compiled with a kernel's headers, for a newer C library than the machine's.

A module is built with modpost, objtool and genksyms of linux-kbuild. Those of a later suite of
Debian need the libc6 of that suite: it is unpacked beside them, and its dynamic linker starts them.
Nothing of it is installed.
"""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from ktrace.lab.cache import work_dir
from ktrace.lab.errors import LabError
from ktrace.lab.tools import run_tool

_ASK_S = 60.0
_UNPACK_S = 300.0
_LIBC = "libc6"
_MOVED = "host-programs"


class Downloads(Protocol):
    """ktrace.lab.build.packages.Apt of the suite that the headers are from."""

    def download(self, package: str, directory: Path) -> None: ...


def make_runnable(tree: Path, apt: Downloads) -> None:
    """tree: unpacked packages of headers. A program that this machine cannot start is moved, and a
    script of its name starts it."""
    foreign = [program for program in _programs(tree) if not _starts_here(program)]
    if not foreign:
        return
    linker = _linker(tree, apt)
    for program in foreign:
        moved = tree / _MOVED / program.relative_to(tree)
        moved.parent.mkdir(parents=True, exist_ok=True)
        program.rename(moved)
        program.write_text(_script(linker, moved))
        program.chmod(0o755)


def _programs(tree: Path) -> Iterator[Path]:
    for path in sorted(tree.glob("usr/lib/linux-kbuild-*/**/*")):
        if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o100:
            with path.open("rb") as file:
                if file.read(4) == b"\x7fELF":
                    yield path


def _starts_here(program: Path) -> bool:
    """Has this machine every library that it needs, in that version?"""
    try:
        return "not found" not in run_tool(["ldd", str(program)], timeout=_ASK_S)
    except LabError:
        return False


def _linker(tree: Path, apt: Downloads) -> Path:
    """The dynamic linker of the suite's C library, which lies beside it."""
    home = tree / _LIBC
    if not home.is_dir():
        with work_dir(tree) as scratch:
            apt.download(_LIBC, scratch)
            (package,) = scratch.glob("*.deb")
            unpacked = scratch / "tree"
            run_tool(["dpkg-deb", "-x", str(package), str(unpacked)], timeout=_UNPACK_S)
            unpacked.rename(home)
    for library in home.glob("**/libc.so.6"):
        for linker in library.parent.glob("ld-linux*.so.*"):
            return linker
    raise LabError(f"no dynamic linker in {home}", hint="remove that directory and try again")


def _script(linker: Path, program: Path) -> str:
    words = map(shlex.quote, map(str, (linker, "--library-path", linker.parent, "--argv0")))
    return f'#!/bin/sh\nexec {" ".join(words)} "$0" {shlex.quote(str(program))} "$@"\n'
