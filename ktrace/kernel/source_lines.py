"""Frames as "function at file:line", from a vmlinux with debug information.

As the kernel's scripts/decode_stacktrace.sh: the symbol's address from nm, the line and the inlined
callers from addr2line, of LLVM or binutils. Frames of modules are in other files: they stay.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable

from ktrace.errors import UsageError

_FRAME = re.compile(r"(?P<symbol>[\w.$]+)\+(?P<offset>0x[0-9a-f]{1,8})$")
_TOOLS = (("llvm-nm", "llvm-addr2line"), ("nm", "addr2line"))
_TIMEOUT_S = 120


class SourceLines:
    """Asks the tools once for each frame."""

    def __init__(self, vmlinux: str) -> None:
        """Raises UsageError: there are no tools, or it is no such file."""
        tools = next((pair for pair in _TOOLS if all(map(shutil.which, pair))), None)
        if tools is None:
            raise UsageError("--vmlinux needs addr2line and nm, of LLVM or binutils")
        vmlinux = os.path.abspath(vmlinux)  # so that its name is no option
        self._vmlinux = vmlinux
        self._addr2line = tools[1]
        self._addresses = _symbols(_run([tools[0], vmlinux], vmlinux))
        self._known: dict[str, tuple[str, ...]] = {}

    def of(self, stack: Iterable[str]) -> list[tuple[str, tuple[str, ...]]]:
        """Each frame with its places, the innermost inlined first; () where it is not known."""
        frames = list(stack)
        wanted = {
            frame: address
            for frame in frames
            if frame not in self._known and (address := self._address(frame)) is not None
        }
        if wanted:
            places = self._places(list(wanted.values()))
            self._known |= dict(zip(wanted, places, strict=True))
        return [(frame, self._known.get(frame, ())) for frame in frames]

    def _address(self, frame: str) -> int | None:
        match = _FRAME.match(frame)
        base = self._addresses.get(match["symbol"]) if match else None
        return base + int(match["offset"], 16) if match and base is not None else None

    def _places(self, addresses: list[int]) -> list[tuple[str, ...]]:
        """ "squashfs_cache_get at fs/squashfs/cache.c:123", for each address."""
        asked = [hex(address) for address in addresses]
        command = [self._addr2line, "-a", "-f", "-i", "-e", self._vmlinux, *asked]
        found: list[list[str]] = []
        function = ""
        for line in _run(command, self._vmlinux).splitlines():
            if re.match(r"0x[0-9a-f]+$", line):
                found.append([])
                function = ""
            elif not function:
                function = line
            else:
                if not line.startswith("??") and found:
                    found[-1].append(f"{function} at {line.partition(' (disc')[0]}")
                function = ""
        if len(found) != len(addresses):
            raise UsageError(f"{self._addr2line} gave {len(found)} of {len(addresses)} answers")
        return [tuple(places) for places in found]


def _symbols(listing: str) -> dict[str, int | None]:
    """Addresses of functions; None for names that several have."""
    found: dict[str, int | None] = {}
    for line in listing.splitlines():
        parts = line.split()
        if len(parts) == 3 and parts[1] in "tTwW":
            address = int(parts[0], 16)
            same = found.get(parts[2], address) == address
            found[parts[2]] = address if same else None
    return found


def _run(command: list[str], vmlinux: str) -> str:
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
        raise UsageError(f"cannot read {vmlinux}: {said[0] if said else error}") from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"{command[0]} has not read {vmlinux} in {_TIMEOUT_S} s") from None
    return done.stdout
