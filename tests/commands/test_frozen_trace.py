"""A trace on a real file system that is frozen: ktrace traces, ends, and leaves the rest."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from ktrace.errors import ExitCode
from tests.stuck_tasks import file_system, wait_until
from tests.tracer import KTRACE, LIMIT_S, ktrace

pytestmark = pytest.mark.kernel


def children(pid: int) -> list[int]:
    return [int(tid) for tid in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.parametrize("when", ["before", "while tracing"])
def test_ktrace_ends_and_the_rest_is_elsewhere(tmp_path: Path, when: str) -> None:
    with file_system() as disk:
        path = disk.folder / "a.ktrace"
        if when == "before":
            disk.freeze()
        # $PPID is ktrace: wait until it is told to go on, when the disk is as the test wants it
        go = tmp_path / "go"
        script = f"while ! [ -e {go} ]; do sleep 0.05; done; kill -9 $$"
        options = ("-o", str(path), "--spill", str(tmp_path), "--", "sh", "-c", script)
        with subprocess.Popen(
            [*KTRACE, "oom-hang", "--json", *options], stdout=subprocess.PIPE, text=True
        ) as run:
            if when == "before":
                wait_until("COMMAND runs", lambda: len(children(run.pid)) == 2)
            else:
                wait_until("the trace begins", lambda: path.exists() and path.stat().st_size)
                disk.freeze()
            go.touch()
            begun = time.monotonic()
            out, _ = run.communicate(timeout=LIMIT_S)
            took = time.monotonic() - begun
        assert took < 30  # it does not wait for the thaw
        assert not Path(f"/proc/{run.pid}").exists()  # nor does its zombie
        (rest,) = tmp_path.glob("ktrace-rest-*.ktrace")
        assert run.returncode in (ExitCode.INCONCLUSIVE, ExitCode.FOUND)
        assert f"its rest is in {rest}" in out
        known = [] if when == "before" else [str(path)]
        report = ktrace("report", *known, str(rest)).stdout
        assert "killed by SIGKILL" in report  # COMMAND's end came when the disk was frozen
        disk.thaw()
        wait_until("its writer goes on", lambda: os.path.exists(path) and b'"end"' in tail(path))
        assert "killed by SIGKILL" in ktrace("report", str(path)).stdout


def tail(path: Path) -> bytes:
    return path.read_bytes()[-4096:]
