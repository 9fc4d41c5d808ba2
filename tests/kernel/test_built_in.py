"""Functions of the kernel's image, by the lines of /proc/kallsyms."""

from pathlib import Path

import pytest

from ktrace.kernel.built_in import is_built_in

pytestmark = pytest.mark.unit

LINES = """\
c0300000 T schedule
00000000 t squashfs_cache_get
bf000100 t squashfs_cache_put\t[squashfs]
c0300200 t my_squashfs_copy_data
"""


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("schedule", True),
        ("squashfs_cache_get", True),
        ("squashfs_cache_put", False),
        ("squashfs_copy_data", False),
    ],
)
def test_names_of_modules_are_marked(tmp_path: Path, function: str, expected: bool) -> None:
    kallsyms = tmp_path / "kallsyms"
    kallsyms.write_text(LINES)
    assert is_built_in(function, str(kallsyms)) == expected


def test_without_kallsyms_nothing_is_known(tmp_path: Path) -> None:
    assert not is_built_in("schedule", str(tmp_path / "none"))
