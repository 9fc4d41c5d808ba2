"""Errors become exit codes in one place, and 1 is only ever "found"."""

import os
import pty
import select
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from ktrace import cli
from tests.sources.log.samples import LOGS
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


LOG = str(LOGS / "bad-page-2.6.31.txt")
COMMANDS = [
    ["replay", "--speed", "0", TRACE],
    ["replay", "--json", TRACE],
    ["report", TRACE],
    ["report", "--format", "json", TRACE],
    ["compare", TRACE, TRACE],
    ["dmesg", LOG],
    ["dmesg", "--json", LOG],
    ["decode", "page-flags", "--era", "6.1", "0x1"],
    ["--help"],
]
NAMES = [" ".join(command[:2]) for command in COMMANDS]


@pytest.mark.parametrize("arguments", COMMANDS, ids=NAMES)
@pytest.mark.parametrize("lost", [">/dev/full", ">&-", "| true", ">&- 2>&-", ">/dev/full 2>&1"])
def test_a_lost_stdout_is_never_a_verdict(arguments: list[str], lost: str) -> None:
    command = f"{shlex.join([*KTRACE, *arguments])} {lost}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False
    )
    if lost == "| true":  # it may have ended before its reader
        assert done.returncode in (0, 1, 2, 4, 141)
        assert done.returncode == 141 or not done.stderr
    else:
        assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert "internal error" not in done.stderr


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_a_locale_with_few_characters_ends_nothing(locale: str, tmp_path: Path) -> None:
    path = tmp_path / "größe.ktrace"
    path.write_bytes(b"")
    environment = {**os.environ, "LC_ALL": locale, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [*KTRACE, "report", str(path)], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 2
    assert b"is empty" in done.stderr
    text = tmp_path / "log"
    text.write_text("[    1.000000] INFO: task größe:12 blocked for more than 120 seconds.\n")
    done = subprocess.run(
        [*KTRACE, "dmesg", str(text)], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert b"gr\\xf6\\xdfe" in done.stdout


def test_arguments_cannot_command_the_terminal() -> None:
    done = ktrace("\x1b[2J")
    assert done.returncode == 2
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_gives_the_terminal_back(number: signal.Signals) -> None:
    main, terminal = pty.openpty()
    process = subprocess.Popen(
        [*KTRACE, "replay", "--speed", "0.001", TRACE],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=os.environ | {"TERM": "xterm"},
        start_new_session=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # a shell's background ignores it
    )
    os.close(terminal)
    shown = b""
    while b"\x1b[?1049h" not in shown:
        shown += os.read(main, 4096)
    process.send_signal(number)
    try:
        while select.select([main], [], [], 30)[0] and (block := os.read(main, 4096)):
            shown += block
    except OSError:  # EIO: the other end is closed
        pass
    os.close(main)
    assert b"\x1b[?1049l" in shown
    assert process.wait(30) in (1, 4, 130)
