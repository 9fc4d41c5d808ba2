"""ktrace bad-page on this machine's kernel; that it catches pages is shown in guests."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ktrace.kernel.page_checks import page_checks

pytestmark = pytest.mark.kernel


def bad_page(*options: str) -> tuple[int, list[dict[str, object]], str]:
    done = subprocess.run(
        [sys.executable, "-m", "ktrace", "bad-page", "--json", *options],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_never_clean_where_the_kernel_cannot_be_asked() -> None:
    status, records, _ = bad_page("-d", "0.2")
    states = {probe["function"]: probe["state"] for probe in records[0]["probes"]}  # type: ignore[attr-defined]
    blind = states["bad_page"] != "attached" or page_checks().on is not True
    assert records[-1]["verdict"] == ("inconclusive" if blind else "clean")
    assert status == (4 if blind else 0)


def test_a_state_file_is_made_and_kept(tmp_path: Path) -> None:
    state = tmp_path / "state"
    for _ in range(2):
        status, _, errors = bad_page("-d", "0.2", "--state", str(state))
        assert status in (0, 4)
        assert errors == ""
    assert json.loads(state.read_text()) == {"ktrace_bad_pages": 2, "sightings": []}


def test_a_file_that_is_no_state(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.write_text("my diary\n")
    status, records, errors = bad_page("-d", "0.2", "--state", str(state))
    assert (status, records) == (2, [])
    assert "state file" in errors
    assert state.read_text() == "my diary\n"
