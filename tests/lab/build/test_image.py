"""What goes into the guest's images, and when they are built again."""

import os
from pathlib import Path

import pytest

from ktrace.lab.build import python_tree
from ktrace.lab.build.fingerprint import fingerprint
from ktrace.lab.build.image_cache import GUEST_FILES
from ktrace.lab.build.initramfs import SCRIPTS

pytestmark = pytest.mark.unit

LDD = """\
\tlinux-vdso.so.1 (0x00007ffc)
\tlibelf.so.1 => /lib/x86_64-linux-gnu/libelf.so.1 (0x00007f)
\tlibmissing.so => not found
\t/lib64/ld-linux-x86-64.so.2 (0x00007f)
"""


def test_shared_libraries() -> None:
    assert python_tree.shared_libraries(LDD) == [
        Path("/lib/x86_64-linux-gnu/libelf.so.1"),
        Path("/lib64/ld-linux-x86-64.so.2"),
    ]


def test_requirements_of_extras_are_left_out() -> None:
    requirements = [
        "markdown-it-py>=2.2.0",
        "pygments<3.0.0,>=2.13.0",
        'colorama; platform_system == "Windows"',
        'ipywidgets<9,>=7.5.1; extra == "jupyter"',
    ]
    names = python_tree.requirement_names(requirements)
    assert names == ["markdown-it-py", "pygments", "colorama"]


def test_a_dependency_that_two_spell_differently_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """rich of Debian 12 wants typing_extensions, another package typing-extensions."""
    spelt = {"click": ["typing_extensions"], "rich": ["typing-extensions", "Typing.Extensions"]}
    monkeypatch.setattr(python_tree, "_installed", lambda name: True)
    monkeypatch.setattr(python_tree, "_requirements_of", lambda name: spelt.get(name, []))
    assert python_tree._dependencies() == ["click", "rich", "typing-extensions"]


def test_the_guest_gets_what_is_imported_here() -> None:
    import click

    assert python_tree.module_path("click") == Path(click.__file__).parent
    assert python_tree.module_path("no_such_module") is None


def test_fingerprint_follows_content_and_words(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    first = fingerprint([tmp_path], "word")
    assert first == fingerprint([tmp_path], "word")
    assert first != fingerprint([tmp_path], "other")
    os.utime(file, ns=(0, 0))
    assert first != fingerprint([tmp_path], "word")


def test_fingerprint_ignores_compiled_files(tmp_path: Path) -> None:
    first = fingerprint([tmp_path])
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").touch()
    assert first == fingerprint([tmp_path])


def test_guest_scripts_are_shipped() -> None:
    shipped = {path.name for path in GUEST_FILES.iterdir()}
    assert {"init", "workload.c", *SCRIPTS} <= shipped
