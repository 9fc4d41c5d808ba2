"""Text made shorter, and what is kept of it."""

import pytest

from ktrace.views import shorten

pytestmark = pytest.mark.unit


def test_what_fits_stays() -> None:
    for cut in (shorten.at_end, shorten.in_middle, shorten.task, shorten.names):
        assert cut("appd[20], sh[1]", 15) == "appd[20], sh[1]"


def test_at_the_end() -> None:
    assert shorten.at_end("squashfs_cache_get", 10) == "squashfs_…"


def test_names_are_cut_in_the_middle() -> None:
    assert shorten.in_middle("containerd-shim-v2", 11) == "conta…im-v2"


@pytest.mark.parametrize("width", range(14, 40))
def test_ids_are_never_cut(width: int) -> None:
    shown = shorten.task("a-very-long-name-of-15[4711/4712]", width)
    assert shown.endswith("[4711/4712]")
    assert len(shown) <= max(width, 12)


def test_a_name_stays_recognisable() -> None:
    name = "containerd-shim[4711]"
    least = shorten.least_of_task(name)
    assert shorten.task(name, least) == "cont…him[4711]"


def test_wide_characters_take_two_cells() -> None:
    from rich.cells import cell_len

    for width in range(3, 20):
        assert cell_len(shorten.in_middle("数据库服务器进程", width)) <= width


def test_whole_names_only() -> None:
    assert shorten.names("dd[100], dd[101], dd[102], +9", 20) == "dd[100], dd[101], …"
    assert shorten.names("dd[100], dd[101], dd[102], +9", 9) == "dd[100]"
