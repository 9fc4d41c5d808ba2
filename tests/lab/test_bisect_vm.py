"""examples/bisect with git and real guests.

Only the build is a stand-in: each commit takes Debian's kernel, with its own squashfs or the one
that examples/validate-a-fix has mended.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ktrace.lab.build.packages import Kernel, debian_kernel
from ktrace.lab.cache import cache_dir
from tests.test_examples import EXAMPLES

pytestmark = pytest.mark.vm

# The first and the last are told to git; it starts in the middle, where nothing can be built.
COMMITS = ("mended", "mended", "mended", "does not build", "mended", "broken", "broken")
FIRST_BAD = 5

MAKEFILE = """\
STATE := $(shell cat state)
INTO = $(INSTALL_MOD_PATH)/lib/modules
olddefconfig:
bzImage modules:
\ttest "$(STATE)" != "does not build"
modules_install:
\tmkdir -p $(INTO)
\tcp -as $(MODULES) $(INTO)/
\t[ "$(STATE)" = broken ] || cp --remove-destination $(MENDED) \\
\t\t$(INTO)/$(RELEASE)/kernel/fs/squashfs/squashfs.ko
image_name:
\t@echo $(IMAGE)
kernelrelease:
\t@echo $(RELEASE)
"""


@pytest.fixture
def kernel() -> Kernel:
    return debian_kernel(cache_dir())


@pytest.fixture
def tree(tmp_path: Path, kernel: Kernel) -> Path:
    folder = tmp_path / "linux"
    folder.mkdir()
    mended = tmp_path / "squashfs.ko"
    subprocess.run([EXAMPLES / "validate-a-fix" / "build-module", mended], check=True, timeout=600)
    places = {
        "IMAGE": kernel.image,
        "MODULES": kernel.modules,
        "RELEASE": kernel.release,
        "MENDED": mended,
    }
    head = "".join(f"{name} = {value}\n" for name, value in places.items())
    (folder / "Makefile").write_text(head + MAKEFILE)
    (folder / ".config").touch()
    git(folder, "init", "-q")
    for number, state in enumerate(COMMITS):
        (folder / "state").write_text(f"{state}\n")
        git(folder, "add", "Makefile", "state")
        git(folder, "commit", "-q", "--allow-empty", "-m", f"{number}: {state}")
    return folder


def git(folder: Path, *arguments: str) -> str:
    author = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    done = subprocess.run(
        ["git", *author, *arguments],
        cwd=folder,
        env=os.environ | {"KTRACE": f"{sys.executable} -m ktrace"},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_git_finds_the_first_commit_with_the_hang(tree: Path) -> None:
    git(tree, "bisect", "start", "HEAD", "HEAD~6")
    said = git(tree, "bisect", "run", str(EXAMPLES / "bisect" / "step"))
    assert "is the first bad commit" in said
    bad = git(tree, "log", "-1", "--format=%s", "refs/bisect/bad")
    assert bad == f"{FIRST_BAD}: broken\n"
    assert "git bisect skip" in git(tree, "bisect", "log")
