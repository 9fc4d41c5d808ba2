"""`ktrace dmesg`: findings from a kernel log, and what it says of what is no log."""

from __future__ import annotations

import gzip
import json
import lzma
import os
import pty
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sources.log.samples import HUNG, LOGS, OOM_6_1, V4_9, V6_1, stamped
from tests.tracer import KTRACE
from tests.views.golden import Golden

pytestmark = pytest.mark.unit


def dmesg(*arguments: str, text: bytes = b"") -> subprocess.CompletedProcess[str]:
    run = subprocess.run(
        [*KTRACE, "dmesg", *arguments], input=text, capture_output=True, check=False, timeout=60
    )
    return subprocess.CompletedProcess(
        run.args, run.returncode, run.stdout.decode(), run.stderr.decode()
    )


SEED = str(LOGS / "bad-page-2.6.31.txt")


def test_the_three_reports_of_2009_are_one_bad_cell() -> None:
    run = dmesg("--json", SEED)
    assert run.returncode == 1, run.stderr
    records = [json.loads(line) for line in run.stdout.splitlines()]
    assert records[0]["kind"] == "session"
    assert records[-1]["verdict"] == "found"
    cells = [record for record in records if record.get("finding") == "ram-cell"]
    assert len(cells) == 1
    assert cells[0]["cell"] == {
        "word": "0x28fc260",
        "bit": 14,
        "byte": "0x28fc261",
        "byte_bit": 6,
    }
    assert (cells[0]["events"], cells[0]["boots"], cells[0]["confidence"]) == (3, 3, "high")
    reasoning = " ".join(cells[0]["reasoning"])
    assert "2 kernels (2.6.31-rc5, 2.6.31-rc7)" in reasoning
    assert "a1293, a1093, a0e93" in reasoning
    assert "tar, lzma, python" in reasoning
    pages = [record for record in records if record.get("finding") == "bad-page"]
    assert [page["comm"] for page in pages] == ["tar", "lzma", "python"]
    assert not [record for record in records if record.get("finding") == "page-corruption"]


def test_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    from ktrace.log_run import run
    from ktrace.views.log_view import LogLinesView

    run([SEED], LogLinesView())
    Golden().check("dmesg-bad-page.txt", capsys.readouterr().out)


def test_stdin() -> None:
    run = dmesg("-", text=Path(SEED).read_bytes())
    assert run.returncode == 1
    assert "BAD RAM: bit 14 of the word at physical 0x28fc260" in run.stdout


def test_a_hashed_address_cannot_tell_the_cell() -> None:
    run = dmesg("-", text=stamped(V6_1).encode())
    assert run.returncode == 1
    assert "CAUSE NOT KNOWN" in run.stdout
    assert "no_hash_pointers" in run.stdout
    assert "ktrace bad-page" in run.stdout


def test_oom_kills_are_told_but_no_findings() -> None:
    run = dmesg("-", text=stamped(OOM_6_1).encode())
    assert run.returncode == 0
    assert "OOM kill: app,d[377], anon 41 MiB, file 100 KiB, shmem 0 KiB" in run.stdout
    assert "invoked by sh[388]" in run.stdout
    assert "verdict: clean" in run.stdout


def test_hung_tasks_are_findings() -> None:
    run = dmesg("-", text=stamped(HUNG).encode())
    assert run.returncode == 1
    assert (
        "HUNG: squashfs-read[377] blocked for more than 120 s, in squashfs_cache_get, wait_event: "
        "SIGKILL cannot wake it (lines 1-10)"
    ) in run.stdout
    records = [
        json.loads(line)
        for line in dmesg("--json", "-", text=HUNG.encode()).stdout.split("\n")
        if line
    ]
    (finding,) = [record for record in records if record["kind"] == "finding"]
    assert (finding["finding"], finding["comm"], finding["pid"]) == (
        "hung-task",
        "squashfs-read",
        377,
    )
    assert (finding["seconds"], finding["lines"]) == (120, [1, 10])
    assert finding["wait"]["function"] == "squashfs_cache_get"
    assert finding["signature"] == "hung-task squashfs_cache_get"


def test_many_tasks_that_hang_in_one_place_are_one_line() -> None:
    reports = [HUNG.replace("377", str(pid)) for pid in range(400, 1400)]
    run = dmesg("-", text=stamped("".join(reports)).encode())
    assert "HUNG: 1000 tasks blocked for more than 120 s, in squashfs_cache_get" in run.stdout
    assert "and 994 more" in run.stdout
    assert len(run.stdout.splitlines()) < 10


def test_a_file_that_is_no_kernel_log_is_refused() -> None:
    run = dmesg("-", text=b"# ktrace\n\nA tracer. What it does about tasks that do not die.\n" * 50)
    assert run.returncode == 2
    assert "is no kernel log" in run.stderr


def test_a_quiet_kernel_log_is_clean() -> None:
    run = dmesg("-", text=b"[    1.000000] usb 1-1: new high-speed USB device number 2\n")
    assert run.returncode == 0


@pytest.mark.parametrize(
    "text",
    [
        "Subject: [PATCH] mm: BUG: Bad page state in process dd  pfn:0a123\n\n"
        '-\tpr_alert("BUG: Bad page state in process %s  pfn:%05lx\\n",\n',
        "WARNING: do not run this as root\n",
    ],
)
def test_a_text_that_only_mentions_reports_is_refused(text: str) -> None:
    assert dmesg("-", text=text.encode()).returncode == 2


@pytest.mark.parametrize(
    ("log", "why"),
    [
        ("BUG: Bad page state: 17 messages suppressed", "17 bad pages that it did not report"),
        ("BUG: Bad page state in process dd", "what line 1 tells"),  # cut off by who copied it
        ("RIP: 0010:amdgpu_ttm_tt_unpopulate+0x77/0xd0 [amdgpu]", "what line 1 tells"),
        ("page:c1a2b3c0 count:0 mapcount:-1 mapping:  (null) index:0x0", "what line 1 tells"),
    ],
)
def test_a_part_of_a_report_is_not_called_clean(log: str, why: str) -> None:
    """bad_page() of mm/page_alloc.c, and what `grep` leaves of reports."""
    result = dmesg("-", text=f"[  100.000000] {log}\n".encode())
    assert result.returncode == 4
    assert why in result.stdout


def test_a_mails_subject_is_no_report() -> None:
    text = "Subject: Re: BUG: Bad page state in process dd  pfn:12123\n\nHello.\n" + stamped(V6_1)
    run = dmesg("--json", "-", text=text.encode())
    records = [json.loads(line) for line in run.stdout.splitlines()]
    assert len([record for record in records if record.get("event") == "bad_page"]) == 1
    assert "1 mention of a report" in run.stderr


def test_json_has_the_events_too() -> None:
    run = dmesg("--json", "-", text=stamped(OOM_6_1).encode())
    events = [json.loads(line) for line in run.stdout.splitlines()]
    assert [event["kind"] for event in events] == ["session", "event", "end"]
    assert events[1]["event"] == "oom_report"


def test_names_cannot_command_the_terminal() -> None:
    log = V6_1.replace("process dd", "process \x1b[2Jx\u202e").replace("Comm: dd", "Comm: \x1b[2J")
    run = dmesg("-", text=stamped(log).encode())
    assert run.returncode == 1
    assert all(character.isprintable() or character == "\n" for character in run.stdout)


@pytest.mark.parametrize(
    ("data", "why"),
    [(b"", "the log is empty"), (bytes(range(256)) * 400, "binary data")],
)
def test_what_is_no_log_is_not_called_clean(data: bytes, why: str) -> None:
    run = dmesg("-", text=data)
    assert run.returncode == 4
    assert why in run.stdout


def test_a_log_with_zeros_where_the_machine_crashed_is_read() -> None:
    run = dmesg("-", text=stamped(V4_9).encode() + bytes(1 << 20) + b"\n")
    assert run.returncode == 1
    assert "[lru|private]" in run.stdout


def test_no_such_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        run = dmesg(str(path))
        assert run.returncode == 2
        assert "cannot read" in run.stderr
        assert not run.stdout


REPORT = stamped(V6_1).encode()


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress], ids=["gzip", "xz"])
def test_a_packed_log_from_stdin(pack: Callable[[bytes], bytes]) -> None:
    run = dmesg("-", text=pack(REPORT))
    assert run.returncode == 1, run.stderr
    assert run.stdout == dmesg("-", text=REPORT).stdout


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress], ids=["gzip", "xz"])
def test_a_packed_log_that_is_cut_off_is_read_up_to_there(
    pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "log"
    path.write_bytes(pack(REPORT * 3 + os.urandom(300_000))[:-20_000])
    run = dmesg(str(path))
    assert run.returncode == 1, run.stderr
    assert re.search("[1-3] bad page", run.stdout)
    assert re.search("verdict: found .*(gzip data|read error)", run.stdout)


def test_damage_in_a_gzip_log_costs_what_is_damaged(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b"nothing\n" + os.urandom(100_000)) + gzip.compress(REPORT))
    packed[50_000:50_100] = bytes(100)
    path = tmp_path / "log.gz"
    path.write_bytes(packed)
    run = dmesg(str(path))
    assert run.returncode == 1, run.stderr
    assert "damaged in the gzip data" in run.stdout


def test_a_damaged_log_without_a_report_is_inconclusive(tmp_path: Path) -> None:
    path = tmp_path / "log.gz"
    quiet = b"[    1.000000] usb 1-1: new high-speed USB device\n" + os.urandom(100_000)
    path.write_bytes(gzip.compress(quiet)[:-20])
    assert dmesg(str(path)).returncode == 4


def test_newlines_without_end() -> None:
    run = dmesg("-", text=gzip.compress(b"\n" * (50 << 20)))
    assert run.returncode in (2, 4)


def test_colours_and_the_bar_are_for_terminals(tmp_path: Path) -> None:
    main, terminal = pty.openpty()
    subprocess.run(
        [*KTRACE, "dmesg", SEED], stdout=terminal, env={**os.environ, "TERM": "xterm"}, check=False
    )
    os.close(terminal)
    shown = b""
    try:
        while block := os.read(main, 4096):
            shown += block
    except OSError:  # EIO: the other end is closed
        pass
    os.close(main)
    assert b"\x1b[1;31mflags 0x4000 [head]\x1b[m" in shown
    assert "\x1b" not in dmesg(SEED).stdout


def test_a_reader_that_leaves_is_no_unreadable_log() -> None:
    with subprocess.Popen(
        [*KTRACE, "dmesg", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as run:
        assert run.stdin
        assert run.stdout
        assert run.stderr
        run.stdout.close()
        run.stdin.write(stamped(V6_1).encode())
        run.stdin.close()
        assert run.wait(20) != 2
        assert run.stderr.read() == b""


def test_a_stack_of_guesses_is_called_unreliable() -> None:
    guessed = re.sub(r"^ ([\w.]+\+0x)", r" ? \1", V6_1, flags=re.MULTILINE)
    run = dmesg("-", text=stamped(guessed).encode())
    assert "unreliable, every frame has a '?': " in run.stdout
    lines = dmesg("--json", "-", text=stamped(guessed).encode()).stdout.splitlines()
    finding = next(line for line in map(json.loads, lines) if line.get("finding") == "bad-page")
    assert finding["unreliable"] is True
    assert "unreliable" not in dmesg("-", text=stamped(V6_1).encode()).stdout


def test_the_number_of_hung_tasks_is_a_lower_bound() -> None:
    assert "there may be more hung tasks" in dmesg("-", text=stamped(HUNG).encode()).stdout
    assert "there may be more" not in dmesg("-", text=stamped(V6_1).encode()).stdout


def test_khungtaskd_says_that_it_stops(tmp_path: Path) -> None:
    """kernel/hung_task.c, hung_task_info(), v6.6"""
    stops = "Future hung task reports are suppressed, see sysctl kernel.hung_task_warnings\n"
    run = dmesg("-", text=stamped(HUNG + stops).encode())
    assert "stopped reporting (kernel.hung_task_warnings ran out, line 11)" in run.stdout
    assert "the number of hung tasks is a lower bound" in run.stdout


def test_several_files_are_one_log(tmp_path: Path) -> None:
    old, new = tmp_path / "kern.log.1", tmp_path / "kern.log"
    old.write_text(stamped("Linux version 6.1.0-56-cloud-amd64 (a@b) #1 SMP\n" + V6_1).rstrip("\n"))
    new.write_text(stamped(HUNG, start=900.0))
    run = dmesg("--json", str(new), str(old))
    assert run.returncode == 1
    events = [json.loads(line) for line in run.stdout.splitlines() if '"event":' in line]
    assert [event["event"] for event in events] == ["bad_page", "hung_report"]
    assert {event["boot"] for event in events} == {"boot 1 of the log"}
    begins = len(V6_1.splitlines()) + 3  # behind the first line, and one between the files
    assert events[1]["lines"][0] == begins
    assert f"{old} from line 1, {new} from line {begins}" in run.stderr


def test_one_of_several_files_is_missing(tmp_path: Path) -> None:
    run = dmesg(SEED, str(tmp_path / "none"))
    assert (run.returncode, run.stdout) == (2, "")
    assert f"cannot read {tmp_path / 'none'}" in run.stderr


def test_blocked_tasks_that_sysrq_shows_are_no_clean_log() -> None:
    """kernel/sched/core.c, sched_show_task(), v6.1"""
    log = (
        b"[  100.1] sysrq: Show Blocked State\n"
        b"[  100.2] task:dd              state:D stack:0     pid:377   ppid:1      flags:0x4006\n"
        b"[  100.2] Call Trace:\n[  100.2]  <TASK>\n[  100.2]  __schedule+0x34d/0x9e0\n"
        b"[  100.2]  squashfs_cache_get+0x323/0x3a0 [squashfs]\n[  100.2]  </TASK>\n"
    )
    run = dmesg("-", text=log)
    assert run.returncode == 4
    assert "SysRq has shown 1 blocked task, and not for how long" in run.stdout
