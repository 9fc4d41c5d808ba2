"""The catalogue of known bugs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ktrace.known_bugs import Catalogue
from tests.sources.log.samples import HUNG, stamped
from tests.tracer import KTRACE

pytestmark = pytest.mark.unit

# kernel/exit.c, coredump_task_exit(), v6.1
CORE = HUNG.replace(
    " squashfs_cache_get+0x323/0x3a0 [squashfs]\n",
    " coredump_task_exit+0x7b/0xf0\n do_exit+0x6b/0x360\n",
)
MINE = """\
[[bug]]
finding = "hung-task"
functions = ["squashfs_cache_get"]
title = "SIGKILL cannot end the wait for an entry of the cache"
commit = "0123456789ab"
mainline = "9.9"
stable = { "6.1" = "6.1.200" }
source = "https://example.org/"
"""


def findings(log: str, *options: str) -> list[dict[str, object]]:
    run = subprocess.run(
        [*KTRACE, "dmesg", "--json", *options, "-"],
        input=stamped(log).encode(),
        capture_output=True,
        check=False,
    )
    records = [json.loads(line) for line in run.stdout.splitlines()]
    return [record for record in records if record["kind"] == "finding"]


def test_every_own_entry_has_its_source_and_commit() -> None:
    bugs = Catalogue()._bugs
    assert bugs
    for bug in bugs:
        assert bug.source.startswith("https://")
        assert not bug.commit or len(bug.commit.split()[0]) >= 12
        assert bug.older_than_bug("2.4.37") or not bug.since
        for series, release in bug.stable.items():
            assert release.startswith(f"{series}.")
            assert bug.fixed_in(release) is True


def test_an_own_entry_is_recognised() -> None:
    (finding,) = findings(CORE)
    assert isinstance(finding["known"], list)
    (known,) = finding["known"]
    assert known["mainline"] == "6.12"
    assert known["fixed"] is None  # nobody told whether the series 6.1 got it


@pytest.mark.parametrize(
    ("kernel", "fixed"), [("6.1.199-1", False), ("6.1.200", True), ("9.9.1", True), ("6.2.3", None)]
)
def test_the_users_entries(tmp_path: Path, kernel: str, fixed: bool | None) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    (finding,) = findings(HUNG.replace("6.1.0-56-cloud-amd64", kernel), "--known", str(path))
    assert isinstance(finding["known"], list)
    mine = [known for known in finding["known"] if known["mainline"] == "9.9"]
    assert [known["fixed"] for known in mine] == [fixed]


def test_in_words(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    run = subprocess.run(
        [*KTRACE, "dmesg", "--known", str(path), "-"],
        input=stamped(HUNG.replace("6.1.0-56-cloud-amd64", "6.1.8")).encode(),
        capture_output=True,
        check=False,
    )
    assert (
        b"known bug: SIGKILL cannot end the wait for an entry of the cache, fixed in 9.9, 6.1.200 "
        b"by 0123456789ab; this is 6.1.8 #1: not fixed here (https://example.org/)"
    ) in run.stdout


# CVE-2021-47582: proc_bulk() of drivers/usb/core/devio.c waits for as long as user space says
USB = HUNG.replace(
    " squashfs_cache_get+0x323/0x3a0 [squashfs]\n",
    " usb_start_wait_urb+0x167/0x550\n do_proc_bulk+0x978/0x1080\n usbdev_ioctl+0x3441/0x6b10\n",
)


@pytest.mark.parametrize(
    ("kernel", "fixed", "words"),
    [
        ("5.15.8", False, "this is 5.15.8 #1: not fixed here"),
        ("5.15.11", True, "this is 5.15.11 #1: it has the fix"),
        ("5.10.1", None, "not fixed here as far as known"),
        ("5.16.0", True, "it has the fix"),
        ("5.16.0-rc3", None, "not fixed here as far as known"),
        ("6.1.0-56-cloud-amd64", True, "it has the fix"),
        ("5.15.0-91-generic", None, "not fixed here as far as known, unless its distribution"),
    ],
)
def test_fixed_in_5_15_11_this_is_5_15_8(kernel: str, fixed: bool | None, words: str) -> None:
    log = USB.replace("6.1.0-56-cloud-amd64", kernel)
    (finding,) = findings(log)
    assert isinstance(finding["known"], list)
    assert [known["fixed"] for known in finding["known"]] == [fixed]
    shown = subprocess.run(
        [*KTRACE, "dmesg", "-"], input=stamped(log).encode(), capture_output=True, check=False
    ).stdout.decode()
    assert "killable, fixed in 5.16, 5.15.11 by ae8709b296d8" in shown
    assert words in shown


def test_a_kernel_before_the_bug_has_not_got_it() -> None:
    sqpoll = HUNG.replace(
        " squashfs_cache_get+0x323/0x3a0 [squashfs]\n",
        " io_uring_cancel_sqpoll+0x1/0x2\n io_sq_thread+0x1/0x2\n",
    )
    for kernel, number in (("5.12.1", 1), ("5.11.1", 0)):
        (finding,) = findings(sqpoll.replace("6.1.0-56-cloud-amd64", kernel))
        known = finding.get("known", [])
        assert isinstance(known, list)
        assert len(known) == number


def test_no_fix_is_known() -> None:
    (finding,) = findings(HUNG)
    assert isinstance(finding["known"], list)
    assert [(known["commit"], known["fixed"]) for known in finding["known"]] == [("", None)]


@pytest.mark.parametrize("text", ["[[bug]]\n", "bug = 3\n", "\xff", MINE.replace('"9.9"', "9")])
def test_a_bad_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(text.encode("latin-1"))
    run = subprocess.run(
        [*KTRACE, "dmesg", "--known", str(path), "-"], input=b"", capture_output=True, check=False
    )
    assert run.returncode == 2
    assert b"Traceback" not in run.stderr
    assert b"mine.toml" in run.stderr


TRACE = Path(__file__).parent.parent / "examples" / "squashfs-hang" / "squashfs-stall.ktrace.gz"
OWN = "known bug: squashfs: readers wait uninterruptibly for an entry of the cache"


def report(*options: str) -> str:
    done = subprocess.run(
        [*KTRACE, "report", *options, str(TRACE)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    return " ".join(done.stdout.split())


@pytest.mark.parametrize("style", ["text", "markdown", "html"])
def test_a_report_tells_known_bugs_once(style: str, tmp_path: Path) -> None:
    """In Markdown and HTML above the text, too."""
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    told = report("--format", style, "--known", str(path))
    copies = 1 + (style == "html")
    assert told.count(OWN) == copies
    assert told.count("fixed in 9.9, 6.1.200 by 0123456789ab;") == copies
    assert told.count("and in 4 other stacks") == 2 * copies


def test_a_report_in_json_tells_them_of_each_finding() -> None:
    done = subprocess.run(
        [*KTRACE, "report", "--format", "json", str(TRACE)], capture_output=True, check=False
    )
    records = [json.loads(line) for line in done.stdout.splitlines()]
    stuck = [r for r in records if r.get("finding") == "stuck-task" and "known" in r]
    assert {known["kernel"] for record in stuck for known in record["known"]} == {
        "6.1.0-56-cloud-amd64"
    }


def test_a_clean_run_reads_no_catalogue() -> None:
    """A live run pays nothing for it before its end."""
    script = (
        "import sys; from ktrace.views import known_text, lines, screen, quiet, json_lines\n"
        "assert not {'ktrace.known_bugs', 'tomllib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
