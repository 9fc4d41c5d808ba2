"""bcc's programs and maps as file descriptors, compiled in a process of their own."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import ktrace
from ktrace.errors import CannotTrace
from ktrace.probes import bcc_compiler
from ktrace.record import record

_LIMIT_S = 900.0  # under emulation compiling with a kernel's full headers takes minutes
_MOST_FDS = 64
INSTALL = (
    "install python3-bpfcc (Debian, Ubuntu), python3-bcc (Fedora), python-bcc (Arch), "
    "and not PyPI's bcc, which is an unrelated package; ktrace must run with the system's Python, "
    "or in a venv with --system-site-packages"
)


@record
class Built:
    """What the kernel has now, held by descriptors, and what it took."""

    programs: dict[str, int]
    maps: dict[str, int]
    refused: dict[str, str]  # program -> why the kernel did not take it
    seconds: float
    peak_kib: int

    def close(self) -> None:
        for descriptor in (*self.programs.values(), *self.maps.values()):
            os.close(descriptor)
        self.programs.clear()
        self.maps.clear()


def build(request: dict[str, Any], kernel_source: str | None) -> Built:
    """Raises CannotTrace: bcc is missing, or does not compile the text."""
    started = time.monotonic()
    near, far = socket.socketpair()
    with near, far, tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            # -P: not what lies in the folder that root happens to be in
            [sys.executable, "-P", "-m", bcc_compiler.__name__, str(far.fileno())],
            stdin=subprocess.PIPE,
            stderr=complaints,
            env=_environment(kernel_source),
            pass_fds=[far.fileno()],
        )
        far.close()
        try:
            _ask(process, request)
            answer, descriptors = _answer(near)
        except TimeoutError:
            process.kill()
            answer, descriptors = {}, []
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        complaints.seek(0)
        said = complaints.read().decode(errors="replace")
    if not answer or answer["failure"]:
        raise _failure(answer, said, process.returncode)
    count = len(answer["programs"])
    return Built(
        programs=dict(zip(answer["programs"], descriptors[:count], strict=True)),
        maps=dict(zip(answer["maps"], descriptors[count:], strict=True)),
        refused=answer["refused"],
        seconds=time.monotonic() - started,
        peak_kib=usage.ru_maxrss,
    )


def _environment(kernel_source: str | None) -> dict[str, str]:
    """Of the compiler: it is to find this very ktrace, and the headers that were checked."""
    environment = dict(os.environ)
    environment.pop("BCC_KERNEL_SOURCE", None)
    if kernel_source is not None:
        environment["BCC_KERNEL_SOURCE"] = kernel_source
    package = str(Path(ktrace.__file__).parent.parent)
    given = environment.get("PYTHONPATH")
    environment["PYTHONPATH"] = f"{given}{os.pathsep}{package}" if given else package
    return environment


def _ask(process: subprocess.Popen[bytes], request: dict[str, Any]) -> None:
    assert process.stdin is not None
    try:
        with process.stdin:
            process.stdin.write(json.dumps(request).encode())
    except BrokenPipeError:
        pass  # it is gone: that it does not answer tells


def _answer(near: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Empty when the process ended without one."""
    near.settimeout(_LIMIT_S)
    data, descriptors, _, _ = socket.recv_fds(near, 1 << 16, _MOST_FDS)
    while len(data) < 4 or len(data) < 4 + int.from_bytes(data[:4], "little"):
        more = near.recv(1 << 16)
        if not more:
            return {}, descriptors
        data += more
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    answer: dict[str, Any] = json.loads(data[4:])
    return answer, descriptors


def _failure(answer: dict[str, Any], said: str, status: int) -> CannotTrace:
    why = answer.get("why", "")
    match answer.get("failure"):
        case bcc_compiler.NO_BCC:
            return CannotTrace(f"bcc cannot be imported: {why}", hint=INSTALL)
        case bcc_compiler.FOREIGN_BCC:
            return CannotTrace(
                f"{why} is another package of the name bcc: it has no BPF compiler", hint=INSTALL
            )
        case None:
            return CannotTrace(
                f"bcc's process ended without an answer (status {status}): {last_error(said)}",
                hint="a machine with less than some 250 MiB free is too small to compile on",
            )
    return CannotTrace(
        f"bcc cannot compile the probes here: {last_error(said) or why}",
        hint="are these the full headers of the running kernel? see `ktrace doctor --loader bcc`",
    )


def last_error(said: str) -> str:
    """The first line with "error:" of what the compiler said, else its last line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line]
    return (errors or lines[-1:] or [""])[0][:300]
