"""Where the debug information of a kernel and of its modules is: files that are given, or those of
the distribution's debug package.

Debian: /usr/lib/debug/boot/vmlinux-RELEASE, /usr/lib/debug/lib/modules/RELEASE/kernel/.../x.ko;
Fedora and its kin: /usr/lib/debug/lib/modules/RELEASE/vmlinux and .../x.ko.debug; openSUSE:
/usr/lib/debug/boot/vmlinux-RELEASE.debug, /usr/lib/debug/usr/lib/modules/RELEASE/.../x.ko.debug.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

ROOT = "/usr/lib/debug"
_MODULE = re.compile(r"(?P<name>[\w-]+)\.ko(?:\.debug)?$")
_RELEASE = re.compile(r"[\w.+~-]{1,100}$")  # what cannot lead elsewhere
_VMLINUX = re.compile(r"vmlinux(?:-.*)?(?:\.debug)?$")
_FOLDERS = ("lib/modules", "usr/lib/modules")


class DebugFiles:
    """Given files come first. Without them the kernel's release tells where to look."""

    def __init__(self, given: Sequence[str], root: str = ROOT) -> None:
        self._root = Path(root)
        self.given = [os.path.abspath(path) for path in given if not os.path.isdir(path)]
        self._modules: dict[str, str] = {}
        self._vmlinux: str | None = None
        for path in (*self.given, *(found for folder in given for found in _within(folder))):
            if name := module_name(path):
                self._modules.setdefault(name, path)
            elif self._vmlinux is None:
                self._vmlinux = path
        self._installed: dict[str, dict[str, str]] = {}  # by release; "": vmlinux

    def of(self, module: str, release: str) -> str | None:
        """The file of the module; "": of the kernel itself. None: there is none."""
        if self._modules or self._vmlinux:
            return self._modules.get(_normal(module)) if module else self._vmlinux
        words = release.split()
        if not words or not _RELEASE.match(words[0]):
            return None
        if words[0] not in self._installed:
            self._installed[words[0]] = self._look(words[0])
        return self._installed[words[0]].get(_normal(module))

    def is_module(self, path: str) -> bool:
        return bool(module_name(path))

    def _look(self, release: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for folder in _FOLDERS:
            for path in _within(str(self._root / folder / release)):
                if name := module_name(path):
                    found.setdefault(name, path)
                else:
                    found.setdefault("", path)
        for name in (f"vmlinux-{release}", f"vmlinux-{release}.debug"):
            kernel = self._root / "boot" / name
            if kernel.is_file():
                found.setdefault("", str(kernel))
        return found


def module_name(path: str) -> str:
    """ "dm_mod" of ".../dm-mod.ko.debug"; "" of what is no module."""
    match = _MODULE.search(os.path.basename(path))
    return _normal(match["name"]) if match else ""


def _normal(name: str) -> str:
    return name.replace("-", "_")


def _within(folder: str) -> list[str]:
    """The files of a folder that may have debug information."""
    found = []
    for base, _, names in os.walk(os.path.abspath(folder)):
        found += [
            os.path.join(base, name)
            for name in sorted(names)
            if _MODULE.search(name) or _VMLINUX.fullmatch(name)
        ]
    return found
