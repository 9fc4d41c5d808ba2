"""Python for a guest of another architecture: Debian's packages of that, unpacked, not installed.

They are of the machine's own suite. Once they are in the cache apt is not asked again.
"""

import shutil
from pathlib import Path

from ktrace.lab.arch import Arch
from ktrace.lab.build import python_tree
from ktrace.lab.build.packages import Apt, unpack
from ktrace.lab.cache import work_dir
from ktrace.lab.errors import LabError

_PACKAGES = ("python3", "libbpf1", "busybox-static")
_LEFT_OUT = ("gconv", "engines-*", "ossl-modules")


def busybox(cache: Path, arch: Arch) -> Path:
    """The program, statically linked."""
    return _one(_tree(cache, arch), "bin/busybox", "usr/bin/busybox")


def sources(cache: Path, arch: Arch) -> list[Path]:
    """What decides whether a built image is still good."""
    return [_interpreter(_tree(cache, arch)), *python_tree.dependency_paths()]


def build(cache: Path, arch: Arch, usr: Path) -> None:
    """Fill `usr`, which will be the guest's /usr."""
    tree = _tree(cache, arch)
    interpreter = _interpreter(tree)
    for libraries in (tree / "lib", *tree.glob("usr/lib/*-linux-gnu*")):
        # the packages of Debian 12 have some of them in /lib, which is /usr/lib in the guest
        into = usr / "lib" if libraries.parent == tree else usr / "lib" / libraries.name
        ignored = shutil.ignore_patterns(*_LEFT_OUT)
        shutil.copytree(libraries, into, symlinks=True, dirs_exist_ok=True, ignore=ignored)
    python_tree.copy_python(usr, interpreter, tree / "usr" / "lib" / interpreter.name)
    python_tree.copy_dependencies(usr)


def _tree(cache: Path, arch: Arch) -> Path:
    home = cache / "packages" / arch.name
    if not home.is_dir():
        home.parent.mkdir(exist_ok=True)
        with work_dir(home.parent) as scratch:
            Apt(cache, "", arch).download_all(_PACKAGES, scratch)
            unpack(scratch)
            (scratch / "tree").rename(home)
    return home


def _interpreter(tree: Path) -> Path:
    return _one(tree, "usr/bin/python3.[0-9]", "usr/bin/python3.[0-9][0-9]")


def _one(tree: Path, *patterns: str) -> Path:
    for pattern in patterns:
        for path in tree.glob(pattern):
            return path
    raise LabError(f"no {patterns[0]} in {tree}", hint="remove that directory and try again")
