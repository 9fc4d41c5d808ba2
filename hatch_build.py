"""Compile bpf/*.bpf.c into CO-RE objects under ktrace/bpf/ARCHITECTURE/.

As hatchling's build hook it runs whenever a wheel is built or the project is installed; by hand
it is ``python hatch_build.py`` (or ``make bpf``). The objects go into the source tree, so an
editable install finds them where an installed wheel has them: in the package, under "bpf".
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))
from ktrace.bpf_arch import SHIPPED, bpf_arch  # noqa: E402

HOW_TO_INSTALL = """\
  Debian, Ubuntu   apt install clang llvm libbpf-dev
  Fedora           dnf install clang llvm libbpf-devel
  Arch             pacman -S clang llvm libbpf"""


class BuildError(Exception):
    """The objects cannot be built; the message is for the user."""


def architectures(machine: str) -> list[str]:
    """Those whose objects are built, the machine's own among them."""
    own = bpf_arch(machine)
    if own is None:
        raise BuildError(f"no BPF architecture is known for the machine type {machine!r}")
    return list(dict.fromkeys((*SHIPPED, own)))


def clang_command(arch: str) -> list[str]:
    clang = os.environ.get("CLANG", "clang")
    if shutil.which(clang) is None:
        raise BuildError(f"{clang} is not installed\n{HOW_TO_INSTALL}")
    command = [clang, "-g", "-O2", "-target", "bpf", "-mcpu=v3", "-Wall", "-Werror"]
    command += [f"-D__TARGET_ARCH_{arch}", "-Ibpf"]
    # Line information in BTF names the source file: keep the builder's folders out of it.
    command.append(f"-ffile-prefix-map={ROOT}=.")
    return command


def check_headers(clang: Sequence[str]) -> None:
    done = subprocess.run(
        [*clang, "-E", "-x", "c", "-", "-o", os.devnull],
        cwd=ROOT,
        input="#include <bpf/bpf_helpers.h>\n",
        text=True,
        capture_output=True,
    )
    if done.returncode != 0:
        raise BuildError(f"libbpf's headers are missing\n{HOW_TO_INSTALL}")


def compile_object(clang: Sequence[str], source: Path, target: Path) -> None:
    # By way of a temporary file: a reader never meets half an object.
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        done = subprocess.run(
            [*clang, "-c", str(source.relative_to(ROOT)), "-o", str(temporary)], cwd=ROOT
        )
        if done.returncode != 0:
            raise BuildError(f"{source.relative_to(ROOT)} does not compile")
        if shutil.which("llvm-strip"):
            # DWARF goes, BTF stays: it is all that the loaders read.
            subprocess.run(["llvm-strip", "-g", str(temporary)], check=True)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def is_stale(target: Path, inputs: Sequence[Path]) -> bool:
    if not target.exists():
        return True
    made = target.stat().st_mtime_ns
    return any(path.stat().st_mtime_ns > made for path in inputs)


def build() -> list[Path]:
    """Bring ktrace/bpf/ up to date and return what was made anew."""
    made = []
    out = ROOT / "ktrace" / "bpf"
    out.mkdir(exist_ok=True)
    wanted = set()

    headers = sorted((ROOT / "bpf").glob("*.h"))
    for arch in architectures(platform.machine()):
        (out / arch).mkdir(exist_ok=True)
        stale = []
        for source in sorted((ROOT / "bpf").glob("*.bpf.c")):
            target = out / arch / source.with_suffix(".o").name
            wanted.add(target)
            if is_stale(target, [source, *headers, Path(__file__)]):
                stale.append((source, target))
        if stale:
            clang = clang_command(arch)
            check_headers(clang)
            for source, target in stale:
                compile_object(clang, source, target)
                made.append(target)

    # The bcc dialect and the agent are compiled on the user's machine: they travel as source, with
    # the headers at the same place relative to them.
    folders = [ROOT / "bpf" / name for name in ("agent", "bcc")]
    travel = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    for source in [*headers, *travel] if travel else []:
        target = out / source.relative_to(ROOT / "bpf")
        if is_stale(target, [source]):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            made.append(target)

    # An object whose source is gone must not get into a wheel.
    for path in out.rglob("*.bpf.o"):
        if path not in wanted:
            path.unlink()
    return made


def get_build_hook() -> type[BuildHookInterface[Any]]:
    """Hatchling asks for the hook here; running this file by hand needs no hatchling."""
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

    class BpfBuildHook(BuildHookInterface[Any]):
        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            try:
                build()
            except BuildError as error:
                self.app.abort(f"ktrace: cannot build the BPF objects: {error}")

    return BpfBuildHook


def main() -> int:
    try:
        made = build()
    except BuildError as error:
        print(f"ktrace: cannot build the BPF objects: {error}", file=sys.stderr)
        return 1
    for path in made:
        print(f"built {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
