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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a capability")
def test_nor_does_who_was_given_capabilities() -> None:
    """A user's own modules are not in the way of who has nothing to lose."""
    who = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    code = "import sys; from ktrace.isolation import _has_privileges; print(_has_privileges())"
    for sets, wanted in (("-all,+syslog", "True"), ("-all", "False")):
        given = [f"--inh-caps={sets}", f"--ambient-caps={sets}"]
        done = subprocess.run(
            [*who, *given, sys.executable, "-c", code], capture_output=True, text=True, cwd="/"
        )
        assert done.stdout.strip() == wanted, done.stderr
