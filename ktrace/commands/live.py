"""The live commands: one for each problem of the registry, and record, which takes them all."""

from typing import Any

import click

from ktrace.commands.options import (
    BIG_ALLOC,
    allocation_options,
    filter_options,
    from_option,
    live_options,
    state_option,
    with_option,
)
from ktrace.errors import ExitCode
from ktrace.live.options import DEFAULT_SPILL, Options
from ktrace.problems import live_problems, reported
from ktrace.task_filter import TaskFilter
from ktrace.views.choice import view_for
from ktrace.views.view import View

RECORD = "record"

_RECORD_HELP = "Record everything into FILE, for replay and report, on this machine or another one."
_MORE_HELP = """With COMMAND, attach first, run it, and stop when it ends. How it ended is shown and
recorded; where ktrace ends first (-d, --on-finding stop, Ctrl-C), it ends COMMAND, too."""


def live_command(name: str) -> click.Command:
    """The command `ktrace NAME`: the name of a problem, or record."""

    @live_options(record_required=name == RECORD)
    @state_option([p.name for p in live_problems() if p.before], name, reported(name))
    @filter_options
    @from_option
    def command(as_json: bool, task_filter: TaskFilter, **options: Any) -> ExitCode:
        _check(options)
        if task_filter and options["redact"]:
            raise click.UsageError("the trace would have the names that --redact leaves out")
        from ktrace.live.run import run

        options["spill"] = options["spill"] or DEFAULT_SPILL
        return run(
            Options(command=name, filter=task_filter, **options),
            _view(name, as_json, options["record"]),
        )

    help_text = next((p.help for p in live_problems() if p.name == name), _RECORD_HELP)
    if name == BIG_ALLOC:
        command = allocation_options(command)
    if name == RECORD:
        command = with_option(command)
    command.__doc__ = f"{help_text}\n\n{_MORE_HELP}"
    return click.command(name)(command)


def _check(options: dict[str, Any]) -> None:
    """Options that say nothing without another one."""
    for option, needed, text in (
        ("force", "record", "--force goes with -o FILE"),
        ("max_size", "record", "--max-size goes with -o FILE"),
        ("spill", "record", "--spill goes with -o FILE"),
        ("redact", "record", "--redact goes with -o FILE"),
        ("keep_running", "run", "--keep-running goes with a COMMAND"),
        ("strict", "run", "--strict goes with a COMMAND"),
        ("command_user", "run", "--command-user goes with a COMMAND"),
    ):
        if options[option] and not options[needed]:
            raise click.UsageError(text)
    if options["agent"] is not None and (options["state"] or options["loader"] != "auto"):
        raise click.UsageError("--state and --loader go with tracing this machine, not --from")
    if options["action_user"] and not (options["on_finding"] or "").startswith("shell:"):
        raise click.UsageError("--action-user goes with --on-finding shell:CMD")


def _view(name: str, as_json: bool, record: str | None) -> View:
    if name == RECORD and record and not as_json:
        from ktrace.views.quiet import QuietView

        return QuietView(record)
    return view_for(name, as_json, f"recording to {record}" if record else "")
