"""Once it traces, ktrace reads nothing of its own from a disk: that disk may be what hangs."""

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stuck_tasks import children, frozen_file_system, wait_until
from tests.tracer import LIMIT_S, tracer

pytestmark = pytest.mark.kernel

IMPORT = re.compile(r"^import time:.*\| +(\S+)$", re.MULTILINE)


@pytest.mark.parametrize("command", ["oom-hang", "record"])
def test_nothing_is_imported_while_tracing(command: str, tmp_path: Path) -> None:
    """From "tracing" to the last line, a finding and its known bugs in between."""
    trace, said = tmp_path / "a.ktrace", tmp_path / "said"
    arguments = ["-X", "importtime", "-m", "ktrace", command, "-o", str(trace)]
    with (
        frozen_file_system() as frozen,
        said.open("wb") as out,
        subprocess.Popen([sys.executable, *arguments], stdout=out, stderr=out) as run,
    ):
        wait_until("ktrace traces", lambda: b"tracing with" in said.read_bytes())
        writer = frozen.writer()
        writer.send_signal(signal.SIGKILL)
        wait_until("it is found", lambda: b'"stuck-task"' in trace.read_bytes())
        run.send_signal(signal.SIGINT)
        run.wait(LIMIT_S)
    before, _, after = said.read_text().partition("tracing with")
    assert "ktrace.live.run" in IMPORT.findall(before)  # this is how imports are seen
    assert "verdict: found" in after
    assert not IMPORT.findall(after)
    end = json.loads(trace.read_bytes().splitlines()[-1])
    assert end["own"]["longest_pause_s"] > 0
    assert end["own"]["major_faults"] is not None


def test_every_file_that_is_mapped_is_in_memory_and_locked() -> None:
    """Constants and the tables of the locale, too, not only text; of the writer as of ktrace."""
    with tracer("-o", "/dev/null") as run:
        (writer,) = children(run.process.pid)
        for pid in (run.process.pid, writer):
            wait_until("it is", lambda pid=pid: not _not_all_locked(pid))  # type: ignore[misc]


def _not_all_locked(pid: int) -> list[str]:
    smaps = Path(f"/proc/{pid}/smaps").read_text()
    mappings = re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", smaps, flags=re.MULTILINE)
    files = [text for text in mappings if re.search(r"^\S+ r\S+ .* /(?!dev/zero)", text)]
    assert any("libc.so" in text for text in files)
    assert any("LC_CTYPE" in text for text in files)
    return [
        text
        for text in files
        if _kib(text, "Size") != _kib(text, "Rss") or not re.search(r"^VmFlags:.* lo\b", text, re.M)
    ]


def _kib(text: str, name: str) -> int:
    found = re.search(rf"^{name}: +(\d+) kB$", text, re.MULTILINE)
    assert found
    return int(found[1])
