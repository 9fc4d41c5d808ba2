"""Frames as "function at file:line", from files with debug information.

As the kernel's scripts/decode_stacktrace.sh: the symbol's address from nm, the line and the inlined
callers from addr2line, of LLVM or binutils. A module is a relocatable file, whose addresses are in
its sections: only binutils reads those (addr2line --section).
"""

import re
import subprocess
from collections.abc import Iterable, Sequence
from shutil import which

from ktrace.errors import UsageError
from ktrace.kernel.debug_files import DebugFiles
from ktrace.record import record

_FRAME = re.compile(
    r"(?P<symbol>[\w.$]+)\+(?P<offset>0x[0-9a-f]{1,8})(?: \[(?P<module>[\w-]+)\])?$"
)
_TOOLS = (("llvm-nm", "llvm-addr2line"), ("nm", "addr2line"))
_TIMEOUT_S = 120
# Where the kernel was built, before a path in its tree
_BUILT_IN = re.compile(
    r" at (?:.*?/)??(?=(?:arch|block|certs|crypto|drivers|fs|include|init|io_uring|ipc|kernel"
    r"|lib|mm|net|rust|security|sound|virt)/)"
)

Places = tuple[str, ...]  # "squashfs_cache_get at fs/squashfs/cache.c:123", innermost inlined first


class SourceLines:
    """Asks the tools once for each frame."""

    def __init__(self, *files: str) -> None:
        """files: vmlinux, modules (by their names: squashfs.ko, squashfs.ko.debug), and folders
        that have them. Without any, those of the distribution's debug package are used where it is
        installed. Raises UsageError: there are no tools, or what is given is no such file."""
        self._files = DebugFiles(files)
        self._asked_for = bool(files)
        self._opened: dict[str, _File] = {}
        self._known: dict[tuple[str, str], Places] = {}
        for path in self._files.given:
            self._open(path)

    def of(self, stack: Iterable[str], release: str = "") -> list[tuple[str, Places]]:
        """Each frame with its places; () where it is not known. release: of the kernel, by which
        the files of its debug package are found."""
        frames = list(stack)
        wanted: dict[str, dict[str, tuple[str, int]]] = {}
        for frame in frames:
            match = _FRAME.match(frame)
            if match is None or (release, frame) in self._known:
                continue
            self._known[release, frame] = ()
            path = self._files.of(match["module"] or "", release)
            if path is not None:
                place = (match["symbol"], int(match["offset"], 16))
                wanted.setdefault(path, {})[frame] = place
        for path, places in wanted.items():
            found = self._look(path, list(places.values()))
            self._known |= {
                (release, frame): where for frame, where in zip(places, found, strict=True)
            }
        return [(frame, self._known.get((release, frame), ())) for frame in frames]

    def _look(self, path: str, wanted: list[tuple[str, int]]) -> list[Places]:
        try:
            return self._open(path).places(wanted)
        except UsageError:
            if self._asked_for:
                raise
            return [()] * len(wanted)  # nobody has asked: a damaged package is no trouble of his

    def _open(self, path: str) -> "_File":
        if path not in self._opened:
            self._opened[path] = _Module(path) if self._files.is_module(path) else _Vmlinux(path)
        return self._opened[path]


@record
class _Symbol:
    address: int
    section: str


class _File:
    """A file with debug information, and its symbols. None: several have the name."""

    def __init__(self, path: str, tools: tuple[str, str]) -> None:
        self._path = path
        self._nm, self._addr2line = tools
        self._symbols = self._read_symbols()

    def places(self, wanted: Sequence[tuple[str, int]]) -> list[Places]:
        """For each symbol and offset."""
        by_section: dict[str, list[int]] = {}
        asked: list[tuple[str, int] | None] = []
        for name, offset in wanted:
            symbol = self._symbols.get(name)
            asked.append((symbol.section, symbol.address + offset) if symbol else None)
            if symbol:
                by_section.setdefault(symbol.section, []).append(symbol.address + offset)
        found: dict[tuple[str, int], Places] = {}
        for section, addresses in by_section.items():
            answers = self._lines(section, addresses)
            found |= {(section, at): where for at, where in zip(addresses, answers, strict=True)}
        return [found[at] if at else () for at in asked]

    def _read_symbols(self) -> dict[str, _Symbol | None]:
        found: dict[str, _Symbol | None] = {}
        for name, symbol in self._listed():
            same = found.get(name, symbol) == symbol
            found[name] = symbol if same else None
        return found

    def _listed(self) -> Iterable[tuple[str, _Symbol]]:
        raise NotImplementedError

    def _lines(self, section: str, addresses: list[int]) -> list[Places]:
        sections = [f"--section={section}"] if section else []
        asked = [hex(address) for address in addresses]
        command = [self._addr2line, "-a", "-f", "-i", *sections, "-e", self._path, *asked]
        found: list[list[str]] = []
        function = ""
        for line in _run(command, self._path).splitlines():
            if re.match(r"0x[0-9a-f]+$", line):
                found.append([])
                function = ""
            elif not function:
                function = line
            else:
                if not line.startswith("??") and found:
                    place = f"{function} at {line.partition(' (disc')[0]}"
                    found[-1].append(_BUILT_IN.sub(" at ", place))
                function = ""
        if len(found) != len(addresses):
            raise UsageError(f"{self._addr2line} gave {len(found)} of {len(addresses)} answers")
        return [tuple(places) for places in found]


class _Vmlinux(_File):
    def __init__(self, path: str) -> None:
        tools = next((pair for pair in _TOOLS if all(map(which, pair))), None)
        if tools is None:
            raise UsageError("source lines need addr2line and nm, of LLVM or binutils")
        super().__init__(path, tools)

    def _listed(self) -> Iterable[tuple[str, _Symbol]]:
        for line in _run([self._nm, self._path], self._path).splitlines():
            parts = line.split()
            if len(parts) == 3 and parts[1] in "tTwW":
                yield parts[2], _Symbol(int(parts[0], 16), "")


class _Module(_File):
    def __init__(self, path: str) -> None:
        if not all(map(which, _TOOLS[1])):
            raise UsageError("source lines of modules need addr2line and nm of binutils")
        super().__init__(path, _TOOLS[1])

    def _listed(self) -> Iterable[tuple[str, _Symbol]]:
        """ "squashfs_cache_get  |00000000000000d0|   T  |  FUNC|...|     |.text"."""
        for line in _run([self._nm, "--format=sysv", self._path], self._path).splitlines():
            parts = [part.strip() for part in line.split("|")]
            if len(parts) == 7 and parts[2] in ("t", "T", "w", "W") and parts[1]:
                yield parts[0], _Symbol(int(parts[1], 16), parts[6])


def _run(command: list[str], path: str) -> str:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            check=True,
            text=True,
            timeout=_TIMEOUT_S,
            errors="replace",
        )
    except subprocess.CalledProcessError as error:
        said = (error.stderr or "").strip().splitlines()
        raise UsageError(f"cannot read {path}: {said[0] if said else error}") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"{command[0]} has not read {path} in {_TIMEOUT_S} s") from None
    return done.stdout
