"""examples/validate-a-fix as a user runs it: build, boot both, compare."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.vm

EXAMPLE = Path(__file__).parents[2] / "examples" / "validate-a-fix"


def test_one_run_of_each_is_all_right_and_not_enough(tmp_path: Path) -> None:
    made = shutil.ignore_patterns("build", "traces", "recorded*", "*.ko")
    folder = shutil.copytree(EXAMPLE, tmp_path / "example", ignore=made)
    done = subprocess.run(
        [str(folder / "run"), "squashfs-stall", "1"],
        env=os.environ | {"KTRACE": f"{sys.executable} -m ktrace"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 4, done.stdout + done.stderr
    assert "verdict: not enough data\n  AFTER has no victims stuck in squashfs_cache_get" in (
        done.stdout
    )
    assert "not covered: 1 stuck in submit_bio_wait" in done.stdout
