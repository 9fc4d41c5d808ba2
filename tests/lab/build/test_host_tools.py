"""Programs of a later suite: started by the dynamic linker of its own C library."""

import subprocess
from pathlib import Path

import pytest

from ktrace.lab.build import host_tools

pytestmark = pytest.mark.unit

LIBRARIES = "libc6/usr/lib/x86_64-linux-gnu"


class NoDownloads:
    def download(self, package: str, _directory: Path) -> None:
        raise AssertionError(f"{package} is not needed")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Headers with three programs and a script, and a C library whose linker tells its arguments;
    the folder's name has a blank."""
    tree = tmp_path / "the headers"
    scripts = tree / "usr/lib/linux-kbuild-6.12/scripts"
    scripts.mkdir(parents=True)
    for name, content in (("old", b"\x7fELF1"), ("new", b"\x7fELF2"), ("script", b"#!/bin/sh\n")):
        (scripts / name).write_bytes(content)
        (scripts / name).chmod(0o755)
    (scripts / "object.o").write_bytes(b"\x7fELF2")
    libraries = tree / LIBRARIES
    libraries.mkdir(parents=True)
    (libraries / "libc.so.6").touch()
    linker = libraries / "ld-linux-x86-64.so.2"
    linker.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    linker.chmod(0o755)
    return tree


def make_runnable(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_tools, "_starts_here", lambda path: path.read_bytes() != b"\x7fELF2")
    host_tools.make_runnable(tree, NoDownloads())


def test_what_cannot_start_is_started_by_the_linker(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts = tree / "usr/lib/linux-kbuild-6.12/scripts"
    for _ in range(2):  # the second time there is nothing to do
        make_runnable(tree, monkeypatch)
        said = subprocess.run([scripts / "new", "-a", "b c"], capture_output=True, text=True)
        option, folder, argv0, name, program, *arguments = said.stdout.splitlines()
        assert (option, folder) == ("--library-path", str(tree / LIBRARIES))
        assert (argv0, name) == ("--argv0", str(scripts / "new"))
        assert Path(program).read_bytes() == b"\x7fELF2"
        assert arguments == ["-a", "b c"]


def test_others_are_left_alone(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = tree / "usr/lib/linux-kbuild-6.12/scripts"
    before = {name: (scripts / name).read_bytes() for name in ("old", "script", "object.o")}
    make_runnable(tree, monkeypatch)
    assert before == {name: (scripts / name).read_bytes() for name in before}


def test_nothing_is_downloaded_where_all_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_tools, "_programs", lambda _: [Path("/bin/sh")])
    host_tools.make_runnable(Path("/nowhere"), NoDownloads())
