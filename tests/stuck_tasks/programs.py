"""Programs that are started, and ended again whatever happens."""

from __future__ import annotations

import atexit
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.stuck_tasks.proc import PATIENCE_S, wait_for_state

PROGRAMS = Path(__file__).parents[1] / "programs"
LIFETIME = "900"  # of sleepers, should nobody end them
_GUARD_SECONDS = 900  # longer than any test keeps a thing frozen, on a busy machine too

Process = subprocess.Popen[bytes]


@functools.cache
def _build_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="ktrace-test-programs-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@functools.cache
def compiled(name: str) -> Path:
    """The program tests/programs/NAME.c, compiled once."""
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")
    target = _build_folder() / name
    source = PROGRAMS / f"{name}.c"
    command = ["gcc", "-O1", "-Wall", "-Werror", "-pthread", "-o", str(target), str(source)]
    subprocess.run(command, check=True)
    return target


def end(process: Process) -> int:
    """Kill it, unless it has ended, and reap it."""
    process.kill()
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()
    return process.wait(PATIENCE_S)


@contextmanager
def program(name: str, *arguments: object) -> Iterator[Process]:
    """A program of tests/programs with pipes to its standard input and output."""
    command = [str(compiled(name)), *map(str, arguments)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        end(process)


@contextmanager
def ready_program(name: str, *arguments: object) -> Iterator[Process]:
    """One that has said "ready"."""
    with program(name, *arguments) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        yield process


@contextmanager
def sleeper() -> Iterator[Process]:
    """A process in an ordinary, interruptible sleep."""
    process = subprocess.Popen(["sleep", LIFETIME])
    try:
        wait_for_state(process.pid, "S")
        yield process
    finally:
        end(process)


@contextmanager
def guard(script: str, *arguments: str) -> Iterator[None]:
    """Runs the shell script at the end of the block, of this process, or after some time."""
    text = f"timeout {_GUARD_SECONDS} cat >/dev/null\n{script}"
    # A session of its own: Ctrl-C is for the tests, the guard comes after them.
    guard = subprocess.Popen(
        ["sh", "-c", text, "guard", *arguments],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        assert guard.stdin
        guard.stdin.close()
        guard.wait(PATIENCE_S)
