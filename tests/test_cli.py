"""Errors become exit codes in one place, and 1 is only ever "found"."""

import subprocess
import sys

import click
import pytest

from ktrace import cli
from tests.test_examples import EXAMPLES
from tests.tracer import KTRACE, ktrace

pytestmark = pytest.mark.unit

TRACE = str(EXAMPLES / "squashfs-hang" / "squashfs-stall.ktrace.gz")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["report", "--help"]])
def test_help_is_no_finding(arguments: list[str]) -> None:
    assert ktrace(*arguments).returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["bogus"],
        ["report"],
        ["replay", "--speed", "x", TRACE],
        ["replay", "--speed", "nan", TRACE],
        ["compare", "--stuck-after", "nan", TRACE, TRACE],
        ["compare", "--stuck-after", "inf", TRACE, TRACE],
        ["oom-hang", "--stuck-after", "nan"],
        ["oom-hang", "--stuck-after", "inf"],
        ["oom-hang", "-d", "nan"],
    ],
)
def test_bad_usage(arguments: list[str]) -> None:
    done = ktrace(*arguments)
    assert done.returncode == 2
    assert "Usage:" in done.stderr


def test_a_reader_that_left_is_no_finding() -> None:
    process = subprocess.Popen(
        [*KTRACE, "replay", "--speed", "0", TRACE], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(30) == 141
    assert process.stderr.read() == b""
    process.stderr.close()


def test_a_bug_of_ktrace_is_no_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command("report")
    def broken() -> None:
        raise RuntimeError("\x1b[31mbroken")

    monkeypatch.setattr(cli.cli, "get_command", lambda *_: broken)
    monkeypatch.setattr(sys, "argv", ["ktrace", "report"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 4
    assert "internal error: RuntimeError: \\x1b[31mbroken" in capsys.readouterr().err
