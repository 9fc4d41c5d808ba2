"""The examples that run on one's own machine do what their pages say."""

from pathlib import Path

import pytest

from tests.tracer import ktrace

pytestmark = pytest.mark.kernel

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_frozen_file_system() -> None:
    done = ktrace("oom-hang", "--", str(EXAMPLES / "frozen-file-system" / "reproduce"))
    assert done.returncode == 1
    assert "STUCK: dd[" in done.stdout
    assert "percpu_down_read" in done.stdout
    assert "by SIGKILL" in done.stdout
