"""How cgroups with a limit grow, from files as kernels write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrace.sources.live.cgroup_growth import CgroupGrowth, Growth

pytestmark = pytest.mark.unit

MIB = 1 << 20


class Cgroups:
    """A mount of cgroup v2."""

    def __init__(self, folder: Path) -> None:
        self.point = folder / "cgroup"
        self.mountinfo = folder / "mountinfo"
        self.mountinfo.write_text(f"30 20 0:26 / {self.point} rw - cgroup2 none rw\n")
        self.point.mkdir()

    def set(self, name: str, anon: int, limit: str = str(20 * MIB)) -> str:
        """Its folder."""
        folder = self.point / name
        folder.mkdir(exist_ok=True)
        for file, text in (
            ("memory.max", limit),
            ("memory.current", str(anon)),
            ("memory.stat", f"anon {anon}\nfile 4096\n"),
        ):
            (folder / file).write_text(f"{text}\n")
        return str(folder)


@pytest.fixture
def cgroups(tmp_path: Path) -> Cgroups:
    return Cgroups(tmp_path)


def test_growth_since_the_lowest(cgroups: Cgroups) -> None:
    growth = CgroupGrowth(str(cgroups.mountinfo))
    folder = ""
    for t, size in enumerate((8, 16, 2, 5, 8)):
        folder = cgroups.set("a.slice", size * MIB)
        growth.read(float(t))
        growth.read(t + 0.5)  # not yet
    assert growth.grown(folder) == Growth(6 << 10, 2.0)
    growth.close()


def test_what_is_not_looked_at(cgroups: Cgroups) -> None:
    free = cgroups.set("free", MIB, limit="max")
    limited = cgroups.set("limited", MIB)
    growth = CgroupGrowth(str(cgroups.mountinfo))
    growth.read(0.0)
    assert growth.grown(limited) is None  # one look is none
    growth.read(1.0)
    assert growth.grown(limited) == Growth(0, 0.0)
    assert growth.grown(free) is None
    growth.close()


def test_the_nearest_to_their_limits_are_looked_at(cgroups: Cgroups) -> None:
    folders = [cgroups.set(f"g{number}", number << 18) for number in range(1, 41)]
    growth = CgroupGrowth(str(cgroups.mountinfo))
    for t in range(2):
        growth.read(float(t))
    assert [growth.grown(folder) is not None for folder in folders] == [False] * 8 + [True] * 32
    growth.close()


def test_one_that_is_gone_and_one_that_comes(cgroups: Cgroups) -> None:
    old = cgroups.set("old", MIB)
    growth = CgroupGrowth(str(cgroups.mountinfo))
    growth.read(0.0)
    for file in Path(old).iterdir():
        file.unlink()
    Path(old).rmdir()
    new = cgroups.set("new", MIB)
    for t in (10.0, 11.0):
        growth.read(t)
    assert growth.grown(old) is None
    assert growth.grown(new) == Growth(0, 0.0)
    growth.close()


def test_no_mounts(tmp_path: Path) -> None:
    growth = CgroupGrowth(str(tmp_path / "nothing"))
    growth.read(0.0)
    assert growth.grown("/") is None
    growth.close()
