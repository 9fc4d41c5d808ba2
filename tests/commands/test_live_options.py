"""Each option on each live command: it arrives, or it is refused. What it then does is shown in
tests/live, and on a real kernel in test_live_commands.py."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from ktrace.commands import live
from ktrace.errors import ExitCode
from ktrace.live.options import Options
from ktrace.problems import live_problems
from ktrace.task_filter import TaskFilter
from ktrace.views.json_lines import JsonLinesView

pytestmark = pytest.mark.unit

COMMANDS = [*(problem.name for problem in live_problems()), live.RECORD]
KEEPERS = {"bad-page", live.RECORD}

# option: arguments, the member of Options, its value
ARRIVES: dict[str, tuple[list[str], str, Any]] = {
    "-o": (["-o", "new"], "record", "new"),
    "--record": (["--record", "new"], "record", "new"),
    "--force": (["--force", "-o", "new"], "force", True),
    "--max-size": (["--max-size", "2G", "-o", "new"], "max_size", 2 << 30),
    "--max-size bytes": (["--max-size", "1048576", "-o", "new"], "max_size", 1 << 20),
    "--spill": (["--spill", "/mnt", "-o", "new"], "spill", "/mnt"),
    "-o alone": (["-o", "new"], "spill", "/run"),
    "--redact": (["--redact", "-o", "new"], "redact", True),
    "-d": (["-d", "0.5"], "duration", 0.5),
    "--duration": (["--duration", "2"], "duration", 2.0),
    "--stuck-after": (["--stuck-after", "2.5"], "stuck_after", 2.5),
    "--loader": (["--loader", "bcc"], "loader", "bcc"),
    "--on-finding stop": (["--on-finding", "stop"], "on_finding", "stop"),
    "--on-finding shell": (["--on-finding", "shell:date"], "on_finding", "shell:date"),
    "--action-user": (
        ["--on-finding", "shell:date", "--action-user", "nobody"],
        "action_user",
        "nobody",
    ),
    "--command-user": (["--command-user", "nobody", "--", "true"], "command_user", "nobody"),
    "--keep-running": (["--keep-running", "--", "true"], "keep_running", True),
    "--strict": (["--strict", "--", "true"], "strict", True),
    "--comm": (["--comm", "a", "--comm", "b*"], "filter", TaskFilter(comm=("a", "b*"))),
    "--pid": (["--pid", "3"], "filter", TaskFilter(pid=(3,))),
    "--cgroup": (["--cgroup", "/a"], "filter", TaskFilter(cgroup=("/a",))),
    "--unit": (["--unit", "cron"], "filter", TaskFilter(unit=("cron",))),
    "--container": (["--container", "4f"], "filter", TaskFilter(container=("4f",))),
    "--from": (["--from", "-"], "agent", "-"),
    "COMMAND": (["--", "grep", "-r", "--", "x"], "run", ("grep", "-r", "--", "x")),
}
REFUSED = {
    "-d nan": (["-d", "nan"], "is not a number of seconds"),
    "-d inf": (["-d", "inf"], "is not a number of seconds"),
    "-d -1": (["-d", "-1"], "is not in the range"),
    "--stuck-after nan": (["--stuck-after", "nan"], "is not a number of seconds"),
    "--stuck-after 0": (["--stuck-after", "0"], "is not in the range"),
    "--loader": (["--loader", "perf"], "is not one of"),
    "--on-finding": (["--on-finding", "shell:"], 'must be "stop" or "shell:COMMAND"'),
    "--force": (["--force"], "--force goes with -o FILE"),
    "--max-size": (["--max-size", "2G"], "--max-size goes with -o FILE"),
    "--max-size 1K": (["--max-size", "1K", "-o", "new"], "1K is less than 1M"),
    "--max-size much": (["--max-size", "much", "-o", "new"], "'much' is not a size"),
    "--spill": (["--spill", "/mnt"], "--spill goes with -o FILE"),
    "--redact": (["--redact"], "--redact goes with -o FILE"),
    "--action-user": (["--action-user", "x"], "--action-user goes with --on-finding shell:CMD"),
    "--action-user stop": (
        ["--on-finding", "stop", "--action-user", "x"],
        "--action-user goes with --on-finding shell:CMD",
    ),
    "--command-user": (["--command-user", "x"], "--command-user goes with a COMMAND"),
    "--keep-running": (["--keep-running"], "--keep-running goes with a COMMAND"),
    "--strict": (["--strict"], "--strict goes with a COMMAND"),
    "--redact --comm": (["--redact", "-o", "new", "--comm", "a"], "that --redact leaves out"),
    "--from --loader": (["--from", "-", "--loader", "bcc"], "go with tracing this machine"),
    "unknown": (["--no-such"], "No such option"),
}


OF_A_FILE = ("--force", "--redact", "--max-size", "--spill")


class Runs:
    """In place of ktrace.live.run.run."""

    def __init__(self) -> None:
        self.seen: list[tuple[Options, object]] = []

    def __call__(self, options: Options, view: object) -> ExitCode:
        self.seen.append((options, view))
        return ExitCode.CLEAN


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    made = Runs()
    monkeypatch.setattr("ktrace.live.run.run", made)
    return made


def invoke(command: str, arguments: list[str]) -> tuple[int, str]:
    given = [] if command != live.RECORD or "new" in arguments else ["-o", "new"]
    result = CliRunner().invoke(live.live_command(command), [*given, *arguments])
    return result.exit_code, result.output


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ARRIVES)
def test_arrives(runs: Runs, command: str, option: str) -> None:
    arguments, member, value = ARRIVES[option]
    assert invoke(command, arguments) == (0, "")
    (options, _) = runs.seen[0]
    assert options.command == command
    assert getattr(options, member) == value


@pytest.mark.parametrize("command", COMMANDS)
def test_json(runs: Runs, command: str) -> None:
    assert invoke(command, ["--json"]) == (0, "")
    assert isinstance(runs.seen[0][1], JsonLinesView)


@pytest.mark.parametrize(
    ("command", "option"),
    [  # record always has the FILE that these go with
        (command, option)
        for command in COMMANDS
        for option in REFUSED
        if command != live.RECORD or option not in OF_A_FILE
    ],
)
def test_refused(runs: Runs, command: str, option: str) -> None:
    arguments, why = REFUSED[option]
    code, output = invoke(command, arguments)
    assert (code, runs.seen) == (2, [])
    assert why in output


@pytest.mark.parametrize("command", COMMANDS)
def test_state_where_there_is_something_to_keep(runs: Runs, command: str) -> None:
    code, output = invoke(command, ["--state", "kept"])
    if command in KEEPERS:
        assert (code, runs.seen[0][0].state) == (0, "kept")
    else:
        assert (code, runs.seen) == (2, [])
        assert "--state keeps what bad-page finds" in output


def test_record_needs_a_file() -> None:
    result = CliRunner().invoke(live.live_command(live.RECORD), [])
    assert result.exit_code == 2
    assert "Missing option '-o'" in result.output


@pytest.mark.parametrize(
    ("arguments", "order", "after"),
    [
        ([], 3, 0.1),
        (["--order", "5"], 5, 0.1),
        (["--costly"], 4, 0.1),
        (["--stalled-after", "0.5"], 3, 0.5),
    ],
)
def test_large_allocations(runs: Runs, arguments: list[str], order: int, after: float) -> None:
    assert invoke("big-alloc", arguments) == (0, "")
    (options, _) = runs.seen[0]
    assert (options.min_order, options.stalled_after) == (order, after)


@pytest.mark.parametrize(
    ("wanted", "order", "after"),
    [((), None, None), (("squashfs",), None, None), (("big-alloc", "squashfs"), 3, 0.1)],
)
def test_what_is_hot_is_recorded_on_request(
    runs: Runs, wanted: tuple[str, ...], order: int | None, after: float | None
) -> None:
    arguments = [word for name in wanted for word in ("--with", name)]
    assert invoke(live.RECORD, [*arguments, "-o", "x.ktrace"])[0] == 0
    (options, _) = runs.seen[0]
    assert (options.also, options.min_order, options.stalled_after) == (wanted, order, after)


def test_two_orders_are_refused(runs: Runs) -> None:
    code, output = invoke("big-alloc", ["--costly", "--order", "5"])
    assert (code, runs.seen) == (2, [])
    assert "only one of them can hold" in output


@pytest.mark.parametrize("command", COMMANDS)
def test_no_option_is_left_out_here(command: str) -> None:
    tried = {member for _, member, _ in ARRIVES.values()} | {"as_json", "btf", "state", "unwind"}
    tried = tried - {"filter"} | {"comm", "pid", "cgroup", "unit", "container"}
    tried |= {"min_order", "costly", "stalled_after"} if command == "big-alloc" else set()
    tried |= {"also"} if command == live.RECORD else set()
    assert {param.name for param in live.live_command(command).params} == tried
