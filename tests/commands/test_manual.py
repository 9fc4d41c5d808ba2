"""Help that shows how: every command has examples that work, and its exit codes."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ktrace.cli import cli
from ktrace.commands.manual import MANUAL
from ktrace.kernel import btf_file
from tests.tracer import ktrace

pytestmark = pytest.mark.unit


def commands(group: click.Group, *above: str) -> Iterator[str]:
    """All of them, "lab run" too."""
    context = click.Context(group, info_name=" ".join(["ktrace", *above]))
    for name in group.list_commands(context):
        yield " ".join([*above, name])
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)


COMMANDS = [*commands(cli)]


def test_every_command_has_an_entry() -> None:
    assert set(COMMANDS) == set(MANUAL)


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_and_exit_codes_end_the_help(name: str) -> None:
    text = ktrace(*name.split(), "--help").stdout
    examples, codes = MANUAL[name]
    assert len(examples) >= 2
    for line, _ in examples:
        assert f"\n    {line}\n" in text
    for code, meaning in codes:
        assert f"\n    {code:<4} {meaning}\n" in text + "\n"
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("line", [line for examples, _ in MANUAL.values() for line, _ in examples])
def test_an_example_can_be_typed(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its options exist, and take what it gives them."""
    (tmp_path / "lib/modules/6.12.0").mkdir(parents=True)
    (tmp_path / "bzImage").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(btf_file, "_named", "")  # what --btf leaves behind
    parts = (shlex.split(part.partition(">")[0]) for part in line.split("|"))
    words = next(part for part in parts if "ktrace" in part)
    rest = words[words.index("ktrace") + 1 :]
    context = click.Context(cli, info_name="ktrace")
    command: click.Command | None = cli
    while isinstance(command, click.Group) and rest:
        name, command, rest = command.resolve_command(context, rest)
        assert command is not None
        if not isinstance(command, click.Group):
            command.make_context(name, rest, parent=context)


def test_nothing_typed() -> None:
    done = ktrace()
    assert done.returncode == 2
    assert "sudo ktrace stuck" in done.stderr
    assert done.stdout == ""


def test_help_has_the_commands_in_groups() -> None:
    text = ktrace("--help").stdout
    order = [text.index(head) for head in ("Live, as root:", "From a file:", "Facts:")]
    assert order == sorted(order)
    assert all(f"\n  {name}" in text for name in COMMANDS if " " not in name)
