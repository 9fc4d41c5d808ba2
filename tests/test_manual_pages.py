"""Manual pages and completions, made from the commands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ktrace.commands.manual import MANUAL
from ktrace.lab.scenarios import SCENARIOS

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("manual")
    script = ROOT / "tools" / "manual-pages"
    subprocess.run([sys.executable, str(script), str(folder)], check=True, cwd=ROOT)
    return folder


def test_a_page_for_each_command(made: Path) -> None:
    expected = {"ktrace.1", *(f"ktrace-{name.replace(' ', '-')}.1" for name in MANUAL)}
    assert {path.name for path in (made / "man").iterdir()} == expected


@pytest.mark.parametrize("name", MANUAL)
def test_a_page_has_what_the_help_has(made: Path, name: str) -> None:
    text = (made / "man" / f"ktrace-{name.replace(' ', '-')}.1").read_text()
    for head in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "EXIT STATUS"):
        assert f"\n.SH {head}\n" in text
    for line, _ in MANUAL[name][0]:
        assert line.replace("-", "\\-") in text
    assert not [line for line in text.splitlines() if line.startswith("'")]  # a request


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completions(made: Path, shell: str) -> None:
    files = [*(made / "completions" / shell).iterdir()]
    assert len(files) == 1
    assert "_KTRACE_COMPLETE" in files[0].read_text()


def completed(*words: str) -> set[str]:
    environment = {
        **os.environ,
        "_KTRACE_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["ktrace", *words]),
        "COMP_CWORD": str(len(words)),
    }
    command = [sys.executable, "-c", "from ktrace.cli import main; main()"]
    done = subprocess.run(
        command, env=environment, text=True, stdout=subprocess.PIPE, check=True, cwd=ROOT
    )
    return {line.partition(",")[2] for line in done.stdout.splitlines()}


def test_what_the_shell_completes() -> None:
    assert completed("oom") == {"oom-hang", "oom-livelock"}
    assert completed("lab", "run", "squash") == {n for n in SCENARIOS if n.startswith("squash")}
    assert "html" in completed("report", "--format", "h")
