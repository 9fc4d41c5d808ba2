"""The recorded traces of the examples can be read by this ktrace, and say what their pages say."""

from pathlib import Path

import pytest

from tests.tracer import ktrace

pytestmark = pytest.mark.unit

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_squashfs_hang() -> None:
    trace = str(EXAMPLES / "squashfs-hang" / "squashfs-stall.ktrace.gz")
    done = ktrace("report", trace)
    assert done.returncode == 1
    assert "14 threads did not die when killed:" in done.stdout
    assert "verdict: found\n" in done.stdout
    assert ktrace("replay", "--speed", "0", trace).returncode == 1


def test_board() -> None:
    """Of 32-bit ARM, its stacks unwound by the kernel's tables."""
    trace = str(EXAMPLES / "board" / "squashfs-hang-armhf.ktrace.gz")
    done = ktrace("report", trace)
    assert done.returncode == 1
    assert "5 threads did not die when killed:" in done.stdout
    assert "do_PrefetchAbort+0x40" in done.stdout
    assert "(uninterruptible in submit_bio_wait for" in done.stdout
    assert "__sched_text_start" not in done.stdout


def test_bad_page_2009() -> None:
    done = ktrace("dmesg", str(EXAMPLES / "bad-page-2009" / "mail.txt"))
    assert done.returncode == 1
    verdict = next(line for line in done.stdout.splitlines() if line.startswith("BAD RAM"))
    assert verdict in (EXAMPLES / "bad-page-2009" / "README.md").read_text()


def test_bad_ram() -> None:
    traces = sorted(map(str, (EXAMPLES / "bad-ram").glob("*.ktrace")))
    done = ktrace("report", *traces)
    assert done.returncode == 1
    assert "BAD RAM: bit 14 of the word at physical 0x1f6848c0" in done.stdout
    assert "3 bad pages in 3 boots, confidence high" in " ".join(done.stdout.split())
    assert "newer ktrace" not in done.stdout


def test_bad_page_bug() -> None:
    done = ktrace("report", str(EXAMPLES / "bad-page-bug" / "bad-page-bug.ktrace"))
    assert done.returncode == 1
    assert "KERNEL BUG: no single RAM cell explains it: 6 bad pages, confidence high" in done.stdout
    assert "BAD RAM" not in done.stdout
    assert done.stdout.count("bad_pages_free+") >= 6


def test_reports_fit_into_a_mail() -> None:
    traces = sorted(map(str, EXAMPLES.glob("**/*.ktrace*")))
    assert len(traces) >= 19
    done = ktrace("report", *traces)
    assert [line for line in done.stdout.splitlines() if len(line) > 100] == []
    assert done.stdout.count("\nverdict: ") == len(traces)


def test_oom_deadlock() -> None:
    trace = str(EXAMPLES / "oom-deadlock" / "oom-deadlock.ktrace.gz")
    replay = ktrace("replay", "--speed", "0", trace)
    assert replay.returncode == 1
    cycle = "memory waits for victim[379] to die"
    for told in (replay, ktrace("report", trace)):
        assert cycle in " ".join(told.stdout.split())


@pytest.mark.parametrize(
    ("name", "trace"),
    [
        ("oom-livelock", "oom-livelock"),
        ("oom-deadlock", "oom-deadlock"),
        ("large-buffers", "fragmented"),
    ],
)
def test_the_page_quotes_the_report(name: str, trace: str) -> None:
    folder = EXAMPLES / name
    report = ktrace("report", str(folder / f"{trace}.ktrace.gz")).stdout.splitlines()
    page = (folder / "README.md").read_text().partition("## What you see")[2]
    quoted = [line[4:] for line in page.splitlines() if line.startswith("    ")]
    for line in quoted:
        whole = line.removesuffix("...").rstrip()
        assert any(told.startswith(whole) for told in report), line


def test_squashfs_thrash() -> None:
    folder = EXAMPLES / "squashfs-thrash" / "recorded"
    done = ktrace("compare", str(folder / "1M"), str(folder / "128K"))
    assert done.returncode == 0
    assert done.stdout.startswith("verdict: better\n")
    page = (folder.parent / "README.md").read_text()
    for number in ("3137", "11388", "769 KiB", "121 KiB"):
        assert number in done.stdout
        assert number in page
    report = ktrace("report", str(folder / "1M" / "1.ktrace.gz"))
    assert report.returncode == 1
    assert "SQUASHFS THRASH: fragment cache of vdc (/workload)" in report.stdout
    assert "block size: 38" in report.stdout
    assert "28% of the calls waited for a free entry of 3" in " ".join(report.stdout.split())
