"""ktrace.kernel.source_lines, with a small program in place of a kernel."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from ktrace.errors import UsageError
from ktrace.kernel.source_lines import SourceLines
from tests.sources.log.samples import HUNG
from tests.tracer import KTRACE

pytestmark = pytest.mark.unit

SOURCE = """\
static int twins(int n) { return n; }
static inline __attribute__((always_inline)) int inlined(volatile int *n)
{
	return *n + 1;
}
__attribute__((noinline)) int wait_here(volatile int *n)
{
	return inlined(n);
}
int main(int argc, char **argv) { return wait_here(&argc) + twins(argc); }
"""


@pytest.fixture(scope="module")
def vmlinux(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("vmlinux")
    (folder / "kernel.c").write_text(SOURCE)
    subprocess.run(["clang", "-g", "-O1", "-o", "vmlinux", "kernel.c"], cwd=folder, check=True)
    return str(folder / "vmlinux")


def test_a_frame_and_what_is_inlined_there(vmlinux: str) -> None:
    ((frame, places),) = SourceLines(vmlinux).of(["wait_here+0x0"])
    assert frame == "wait_here+0x0"
    shown = [re.sub(r"at \S*/", "at ", place) for place in places]
    assert shown[-1] in ("wait_here at kernel.c:7", "wait_here at kernel.c:8")
    assert len(shown) == 1 or shown[0] == "inlined at kernel.c:4"


def test_frames_that_are_not_there(vmlinux: str) -> None:
    stack = ["nothing+0x1", "squashfs_cache_get+0x323 [squashfs]", "no frame at all"]
    assert SourceLines(vmlinux).of(stack) == [(frame, ()) for frame in stack]


def test_no_vmlinux(tmp_path: Path) -> None:
    path = tmp_path / "vmlinux"
    path.write_text("no ELF file")
    with pytest.raises(UsageError, match="cannot read"):
        SourceLines(str(path))


def test_dmesg_shows_them(vmlinux: str) -> None:
    log = HUNG.replace("squashfs_cache_get+0x323/0x3a0 [squashfs]", "wait_here+0x0/0x10")
    command = [*KTRACE, "dmesg", "--vmlinux", vmlinux]
    text = subprocess.run([*command, "-"], input=log.encode(), capture_output=True, check=False)
    assert re.search(rb"wait_here\+0x0: .*wait_here at \S*kernel.c:[78]", text.stdout)
    run = subprocess.run(
        [*command, "--json", "-"], input=log.encode(), capture_output=True, check=False
    )
    (finding,) = [
        record for record in map(json.loads, run.stdout.splitlines()) if record["kind"] == "finding"
    ]
    assert [entry["frame"] for entry in finding["source"]] == ["wait_here+0x0"]
    assert "kernel.c" in finding["source"][0]["places"][-1]
