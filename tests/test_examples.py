"""The recorded traces of the examples can be read by this ktrace, and say what their pages say."""

from pathlib import Path

import pytest

from tests.tracer import ktrace

pytestmark = pytest.mark.unit

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_squashfs_hang() -> None:
    trace = str(EXAMPLES / "squashfs-hang" / "squashfs-stall.ktrace.gz")
    done = ktrace("report", trace)
    assert done.returncode == 1
    assert "14 threads did not die when killed:" in done.stdout
    assert "verdict: found\n" in done.stdout
    assert ktrace("replay", "--speed", "0", trace).returncode == 1
