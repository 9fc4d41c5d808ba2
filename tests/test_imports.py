"""What a command imports: each start pays for it, in time and in memory that a live run locks."""

import subprocess
import sys
from pathlib import Path

import pytest

_RUN = """
import sys

before = {*sys.modules}  # of the Python that is installed, and what its site.py adds
sys.argv = ["ktrace", *sys.argv[1:]]
try:
    from ktrace.cli import main
    main()
except SystemExit:
    pass
print(*(sys.modules.keys() - before), file=sys.stderr)
"""
_NEVER = {"rich", "ktrace.lab", "zipfile", "tempfile", "asyncio"}
_TO_TRACE = {"ktrace.live.run", "ktrace.sources.live.source", "ktrace.kernel.btf"}
_TO_READ = {"json", "ktrace.trace.reader", "ktrace.detectors.analysis", "ktrace.replay.run"}
_MANUAL = "ktrace.commands.manual"


def imported(*arguments: str) -> set[str]:
    """By a ktrace with these arguments."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN, *arguments],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
        timeout=60,
    )
    modules = set(done.stderr.splitlines()[-1].split())
    assert "ktrace.cli" in modules, done.stderr
    return modules


@pytest.mark.unit
@pytest.mark.parametrize("command", ["decode", "report", "doctor", "dmesg", "compare", "stuck"])
def test_help_imports_neither_sources_nor_detectors(command: str) -> None:
    modules = imported(command, "--help")
    assert _MANUAL in modules
    assert not modules & (_NEVER | _TO_TRACE | _TO_READ)


@pytest.mark.unit
def test_decode_reads_no_trace_and_traces_nothing(tmp_path: Path) -> None:
    modules = imported("decode", "wait", "wait_event_killable")
    assert not modules & (_NEVER | _TO_TRACE | _TO_READ | {_MANUAL})


@pytest.mark.unit
def test_a_report_needs_nothing_of_a_live_run() -> None:
    example = next(Path(__file__).parents[1].glob("examples/*/*.ktrace"))
    modules = imported("report", str(example))
    assert modules >= _TO_READ
    assert not modules & (_NEVER | {"ktrace.live.run", "ktrace.sources.live.source", _MANUAL})


@pytest.mark.kernel
def test_tracing_imports_what_it_uses() -> None:
    modules = imported("oom-hang", "-d", "0")
    assert modules >= _TO_TRACE
    assert not modules & (_NEVER | {"subprocess", "shutil", "pathlib", _MANUAL})
    assert not [name for name in modules if name.startswith(("ktrace.sources.log", "ktrace.lab"))]


@pytest.mark.kernel
def test_recording_imports_no_cryptography(tmp_path: Path) -> None:
    """4 MiB of OpenSSL come with hashlib, which random and secrets import."""
    modules = imported("record", "-d", "0", "-o", str(tmp_path / "new"))
    assert "ktrace.trace.writer" in modules
    assert not modules & (_NEVER | {"hashlib", "random", "subprocess", "shutil", "pathlib"})


@pytest.mark.kernel
def test_doctor_reads_no_trace() -> None:
    modules = imported("doctor")
    assert modules >= _TO_TRACE - {"ktrace.live.run"}
    # json: state files of containers, which a live source reads
    assert not modules & (_NEVER | _TO_READ - {"json"} | {"ktrace.live.run", _MANUAL})
