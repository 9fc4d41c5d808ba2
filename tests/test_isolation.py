"""As root, nothing comes from the working directory or PYTHONPATH."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ktrace.isolation import trusted

pytestmark = pytest.mark.unit


def test_what_is_trusted(tmp_path: Path) -> None:
    evil, own, system = (str(tmp_path / name) for name in ("evil", "own", "system"))
    (tmp_path / "link").symlink_to(evil)
    path = ["", evil, own, str(tmp_path / "link"), system]
    assert trusted(path, evil, "", own) == [own, system]
    assert trusted(path, system, f"{evil}:{own}", own) == [own]


@pytest.mark.skipif(os.geteuid() != 0, reason="other users run what they want")
@pytest.mark.parametrize("module", ["click", "rich", "ctypes"])
@pytest.mark.parametrize("how", ["working directory", "PYTHONPATH"])
def test_root_runs_nothing_of_others(tmp_path: Path, how: str, module: str) -> None:
    mark = tmp_path / "was run"
    (tmp_path / f"{module}.py").write_text(f"open({str(mark)!r}, 'w')")
    own = str(Path(__file__).parents[1])
    by_name = how == "PYTHONPATH"
    done = subprocess.run(
        [sys.executable, "-m", "ktrace", "replay", "--help"],
        cwd=own if by_name else tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path) if by_name else own},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not mark.exists()
