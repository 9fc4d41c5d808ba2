"""ktrace.kernel.source_lines, with a small program in place of a kernel."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from ktrace.errors import UsageError
from ktrace.kernel.debug_files import DebugFiles
from ktrace.kernel.source_lines import SourceLines
from ktrace.kernel.wait_functions import function_of
from ktrace.source_frames import SourceFrames
from ktrace.trace.writer import TraceWriter
from tests.factories import kill, session, state, walk
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


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A relocatable file as a module is one, with functions in two sections at the same offsets."""
    folder = tmp_path_factory.mktemp("module") / "build" / "fs" / "foo-bar"
    folder.mkdir(parents=True)
    text = SOURCE.replace("int main(", '__attribute__((section(".init.text"))) int start(')
    (folder / "foo.c").write_text(text)
    command = ["clang", "-g", "-O1", "-c", "-o", "foo-bar.ko.debug", str(folder / "foo.c")]
    subprocess.run(command, cwd=folder, check=True)
    return str(folder / "foo-bar.ko.debug")


def test_where_a_distribution_built_it_is_left_out(tmp_path: Path) -> None:
    """Debian's kernels have the path "debian/build/build_amd64_none_amd64/fs/..."."""
    (tmp_path / "fs").mkdir()
    (tmp_path / "fs" / "foo.c").write_text(SOURCE)
    built_in = f"-fdebug-prefix-map={tmp_path}=debian/build/build_amd64"
    command = ["clang", "-g", "-O1", built_in, "-o", "vmlinux", str(tmp_path / "fs" / "foo.c")]
    subprocess.run(command, cwd=tmp_path, check=True)
    ((_, places),) = SourceLines(str(tmp_path / "vmlinux")).of(["wait_here+0x0"])
    assert places[-1].partition(":")[0] == "wait_here at fs/foo.c"


def test_frames_of_modules(module: str) -> None:
    source = SourceLines(module)
    stack = ["wait_here+0x0 [foo_bar]", "start+0x0 [foo_bar]", "wait_here+0x0 [other]"]
    here, start, other = (places for _, places in source.of(stack))
    assert here[-1].partition(":")[0] == "wait_here at fs/foo-bar/foo.c"
    assert start[-1] == "start at fs/foo-bar/foo.c:10"
    assert other == ()
    assert source.of(["wait_here+0x0"]) == [("wait_here+0x0", ())]


def test_a_folder_with_both(vmlinux: str, module: str, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "vmlinux").symlink_to(vmlinux)
    (tmp_path / "deep" / "foo-bar.ko.debug").symlink_to(module)
    found = SourceLines(str(tmp_path)).of(["wait_here+0x0", "wait_here+0x0 [foo_bar]"])
    assert [len(places) > 0 for _, places in found] == [True, True]


@pytest.mark.parametrize(
    ("kernel", "of_module"),
    [
        ("boot/vmlinux-6.1.0-9-amd64", "lib/modules/6.1.0-9-amd64/kernel/fs/foo-bar.ko"),
        ("lib/modules/6.1.0-9-amd64/vmlinux", "lib/modules/6.1.0-9-amd64/fs/foo-bar.ko.debug"),
        (
            "boot/vmlinux-6.1.0-9-amd64.debug",
            "usr/lib/modules/6.1.0-9-amd64/kernel/foo-bar.ko.debug",
        ),
    ],
)
def test_the_distributions_debug_package(tmp_path: Path, kernel: str, of_module: str) -> None:
    for name in (kernel, of_module):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    files = DebugFiles((), str(tmp_path))
    assert files.of("", "6.1.0-9-amd64 #1") == str(tmp_path / kernel)
    assert files.of("foo_bar", "6.1.0-9-amd64") == str(tmp_path / of_module)
    assert files.of("", "6.1.0-8-amd64") is None
    assert files.of("", "") is None
    assert files.of("", "../../etc") is None


def test_a_damaged_package_that_nobody_asked_for_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot" / "vmlinux-6.1.0").write_text("no ELF file")
    monkeypatch.setattr(DebugFiles.__init__, "__defaults__", (str(tmp_path),))
    assert SourceLines().of(["wait_here+0x0"], "6.1.0 #1") == [("wait_here+0x0", ())]


def test_places_in_a_traces_stacks(vmlinux: str) -> None:
    frames = SourceFrames(SourceLines(vmlinux))
    event = state(1.0, stack=("wait_here+0x0", "nothing+0x1"))
    first, second = frames.of(event).stack
    assert re.fullmatch(r"wait_here\+0x0 \(.*kernel\.c:[78]\)", first)
    assert function_of(first) == "wait_here"
    assert second == "nothing+0x1"


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


def test_reports_and_replays_show_them(vmlinux: str, tmp_path: Path) -> None:
    """A thread that is stuck in wait_here()."""
    path = str(tmp_path / "trace.jsonl")
    writer = TraceWriter(path)
    writer.write_session(session(kernel="6.1.0"))
    writer.write_event(kill(101.0))
    for t in (102.5, 103.5):
        writer.write_event(state(t, stack=("wait_here+0x0", "main+0x0")))
        writer.write_event(walk(t + 0.001))
    writer.close()
    for command in ("report", "replay", "replay --json", "report --format html"):
        run = subprocess.run(
            [*KTRACE, *command.split(), "--vmlinux", vmlinux, path],
            capture_output=True,
            check=False,
        )
        shown = run.stdout.decode()
        assert re.search(r"wait_here\+0x0 \([^)]*kernel\.c:[78]\)", shown), (command, shown)


def test_no_such_file() -> None:
    run = subprocess.run(
        [*KTRACE, "dmesg", "--vmlinux", "/none", "-"], input=b"", capture_output=True, check=False
    )
    assert run.returncode == 2
    assert b"cannot read /none" in run.stderr
