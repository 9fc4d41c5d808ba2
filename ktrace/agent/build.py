"""Compiles ktrace-agent: one static program."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from ktrace.agent.embedded import EMBEDDED, source
from ktrace.agent.toolchain import Toolchain
from ktrace.errors import KtraceError
from ktrace.package import packaged
from ktrace.private_file import replace_file

_FLAGS = (
    "-Os -Wall -Werror -Wno-unused-parameter -D_GNU_SOURCE -static -s"
    " -ffunction-sections -fdata-sections -Wl,--gc-sections"
).split()
_LIBRARIES = ("-lbpf", "-lelf", "-lz")
_COMPILE_S = 300.0


def build(toolchain: Toolchain, output: str, btf: str | None = None) -> int:
    """Writes the program; its size in bytes. btf: a file with the kernel's types, to be built in.

    Raises KtraceError.
    """
    sources = sorted(str(path) for path in Path(packaged("bpf", "agent")).glob("*.c"))
    objects = {n: packaged("bpf", toolchain.bpf_arch, f"{n}.bpf.o") for n in EMBEDDED}
    with TemporaryDirectory(prefix="ktrace-agent-") as scratch:
        embedded = os.path.join(scratch, "embedded.c")
        Path(embedded).write_text(source(objects, os.path.abspath(btf) if btf else None))
        made = os.path.join(scratch, "ktrace-agent")
        include = f"-I{packaged('bpf', 'agent')}"
        _compile(
            [toolchain.compiler, *_FLAGS, include, *toolchain.flags, *sources, embedded]
            + ["-o", made, *_LIBRARIES]
        )
        program = Path(made).read_bytes()
    _write(output, program)
    return len(program)


def _compile(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_COMPILE_S)
    except OSError as error:
        raise KtraceError(f"cannot run {command[0]}: {error.strerror or error}") from None
    except subprocess.TimeoutExpired:
        raise KtraceError(f"{command[0]} takes longer than {_COMPILE_S:.0f} s") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line or "cannot" in line]
        raise KtraceError(f"the agent does not compile: {(lines or ['no reason given'])[0]}")


def _write(output: str, program: bytes) -> None:
    """By way of another name: a program that runs cannot be written."""
    try:
        replace_file(output, program, 0o777)
    except OSError as error:
        raise KtraceError(f"cannot write {output}: {error.strerror or error}") from None
