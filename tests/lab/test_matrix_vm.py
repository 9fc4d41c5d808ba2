"""Debian's oldest and newest kernels that the lab can get: load, attach, find the same."""

from pathlib import Path

import pytest

from ktrace.lab.matrix import HEAD, run_matrix

pytestmark = pytest.mark.vm


@pytest.mark.parametrize("suite", ["bullseye", "trixie", "sid"])  # bookworm: every other vm test
def test_squashfs_stall(suite: str, tmp_path: Path) -> None:
    (row,) = run_matrix("squashfs-stall", [suite], tmp_path)
    cells = dict(zip(HEAD, row.cells, strict=True))
    assert row.exit_code == 1
    assert (cells["VERDICT"], cells["STUCK"]) == ("found", "14")
    # the killed filler: submit_bio_wait() is bio_await() on 7.2
    assert cells["WAITS IN"].split() in (
        ["squashfs_cache_get", "submit_bio_wait"],
        ["bio_await", "squashfs_cache_get"],
    )
