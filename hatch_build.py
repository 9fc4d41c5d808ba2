"""Compile bpf/*.bpf.c into CO-RE objects under ktrace/bpf/.

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
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent

HOW_TO_INSTALL = """\
  Debian, Ubuntu   apt install clang llvm libbpf-dev
  Fedora           dnf install clang llvm libbpf-devel
  Arch             pacman -S clang llvm libbpf"""


class BuildError(Exception):
    """The objects cannot be built; the message is for the user."""


def bpf_arch(machine: str) -> str:
    """The name libbpf's headers give this machine, as in __TARGET_ARCH_x86."""
    if machine in ("x86_64", "i386", "i686"):
        return "x86"
    if machine == "aarch64":
        return "arm64"
    for prefix, arch in (
        ("arm", "arm"),
        ("riscv", "riscv"),
        ("ppc", "powerpc"),
        ("s390", "s390"),
        ("mips", "mips"),
        ("loongarch", "loongarch"),
    ):
        if machine.startswith(prefix):
            return arch
    raise BuildError(f"no BPF architecture is known for the machine type {machine!r}")


def clang_command() -> list[str]:
    clang = os.environ.get("CLANG", "clang")
    if shutil.which(clang) is None:
        raise BuildError(f"{clang} is not installed\n{HOW_TO_INSTALL}")
    command = [clang, "-g", "-O2", "-target", "bpf", "-mcpu=v3", "-Wall", "-Werror"]
    command += [f"-D__TARGET_ARCH_{bpf_arch(platform.machine())}", "-Ibpf"]
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
    stale = []
    for source in sorted((ROOT / "bpf").glob("*.bpf.c")):
        target = out / source.with_suffix(".o").name
        wanted.add(target)
        if is_stale(target, [source, *headers, Path(__file__)]):
            stale.append((source, target))
    if stale:
        clang = clang_command()
        check_headers(clang)
        for source, target in stale:
            compile_object(clang, source, target)
            made.append(target)

    # The bcc dialect is compiled on the user's machine: it travels as source, with the headers
    # at the same place relative to it.
    dialect = sorted(path for path in (ROOT / "bpf" / "bcc").rglob("*") if path.is_file())
    for source in [*headers, *dialect] if dialect else []:
        target = out / source.relative_to(ROOT / "bpf")
        if is_stale(target, [source]):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            made.append(target)

    # An object whose source is gone must not get into a wheel.
    for path in out.glob("*.bpf.o"):
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
            # The objects are for one architecture, but for every Python.
            platform_tag = sysconfig.get_platform().replace("-", "_").replace(".", "_")
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{platform_tag}"

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
