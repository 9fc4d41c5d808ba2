"""Too few open files for what tracing needs: exit code 3, and why."""

from __future__ import annotations

import resource
import subprocess

import pytest

from tests.tracer import KTRACE

pytestmark = pytest.mark.kernel


@pytest.mark.parametrize("most", [20, 24, 32, 40, 48, 64])
def test_too_few(most: int) -> None:
    """With less Python itself cannot import what it needs."""
    done = subprocess.run(
        [*KTRACE, "oom-hang", "-d", "0.1"],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most)),
    )
    assert done.returncode == 3, done.stderr
    assert "Too many open files" in done.stderr
    assert "ulimit -n" in done.stderr
    assert "internal error" not in done.stderr
