"""The table over several kernels, from recorded traces."""

import gzip
from pathlib import Path

import pytest

from ktrace.lab.matrix import HEAD, row, table
from tests.test_examples import EXAMPLES

pytestmark = pytest.mark.unit


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    packed = EXAMPLES / "squashfs-hang" / "squashfs-stall.ktrace.gz"
    path = tmp_path / "stall.ktrace"
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    return path


def test_row(trace: Path) -> None:
    made = dict(zip(HEAD, row("bookworm", trace, 1).cells, strict=True))
    assert made["SUITE"] == "bookworm"
    assert made["KERNEL"] == "6.1.0-56-cloud-amd64"
    assert made["VERDICT"] == "found"
    assert made["STUCK"] == "14"
    assert made["WAITS IN"] == "squashfs_cache_get submit_bio_wait"
    assert "kprobe" in made["HOOKS"].split()


def test_tables(trace: Path) -> None:
    rows = [row("bookworm", trace, 1), row("a-much-longer-suite", trace, 1)]
    plain = table(rows)
    assert len({line.index("6.1.0") for line in plain[1:]}) == 1
    markdown = table(rows, markdown=True)
    assert markdown[1] == "|---|---|---|---|---|---|---|---|"
    assert all(line.count("|") == len(HEAD) + 1 for line in markdown)
