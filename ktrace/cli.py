"""The command line: verbs, and the one place where errors become exit codes."""

import sys

from ktrace.isolation import is_program, isolate

isolate()  # before anything else is imported

from ktrace.trace import writer_process  # noqa: E402

if is_program():
    writer_process.fork_early(sys.argv)

import importlib  # noqa: E402
import io  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402

import click  # noqa: E402

from ktrace import __version__  # noqa: E402
from ktrace.commands.group import Group  # noqa: E402
from ktrace.errors import ExitCode, KtraceError  # noqa: E402
from ktrace.problems import live_problems  # noqa: E402
from ktrace.views import output  # noqa: E402
from ktrace.views.error_text import error_lines  # noqa: E402  # later there may be no file to open it by

_COMMANDS = {
    "stuck": ("ktrace.commands.stuck", "stuck"),
    "watch": ("ktrace.commands.watch", "watch"),
    "replay": ("ktrace.commands.replay", "replay"),
    "report": ("ktrace.commands.report", "report"),
    "compare": ("ktrace.commands.compare", "compare_traces"),
    "export": ("ktrace.commands.fleet", "export"),
    "fleet": ("ktrace.commands.fleet", "fleet"),
    "dmesg": ("ktrace.commands.dmesg", "dmesg"),
    "receive": ("ktrace.commands.receive", "receive"),
    "btf": ("ktrace.commands.btf", "btf"),
    "doctor": ("ktrace.commands.doctor", "doctor"),
    "decode": ("ktrace.commands.decode", "decode"),
    "schema": ("ktrace.commands.schema", "print_schema"),
    "agent": ("ktrace.commands.agent", "agent"),
    "lab": ("ktrace.commands.lab", "lab"),
}


def _live_names() -> list[str]:
    return [*(problem.name for problem in live_problems()), "record"]


_SECTIONS = (
    ("Live, as root", (*_live_names(), "stuck", "watch")),
    ("From a file", ("replay", "report", "compare", "dmesg")),
    ("From a machine that dies", ("receive",)),
    ("From many machines", ("export", "fleet")),
    ("For boards, on the desk", ("btf", "agent")),
    ("Facts", ("doctor", "decode", "schema")),
    ("Reproduce a bug in a guest", ("lab",)),
)


class _LazyGroup(Group):
    """Imports a verb only when it is used: the live path stays small."""

    sections = _SECTIONS

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*_live_names(), *_COMMANDS]

    def find(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _live_names():
            from ktrace.commands.live import live_command

            return live_command(cmd_name)
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.group(
    cls=_LazyGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 traced, nothing found; 1 something found; 2 bad usage or unreadable "
    "input; 3 cannot trace here; 4 inconclusive: events were lost, or a probe that the verdict "
    "needs is missing.",
)
@click.version_option(__version__, prog_name="ktrace")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Show which tasks SIGKILL did not end, why, and what blocks them; OOM livelocks; bad pages."""
    if ctx.invoked_subcommand is None:
        for line in _WHAT_TO_TYPE:
            output.complain(line)
        ctx.exit(ExitCode.USAGE)


_WHAT_TO_TYPE = """Usage: ktrace COMMAND, for example
  sudo ktrace stuck                   the machine hangs now: what is blocked, and what releases it
  sudo ktrace oom-hang -- COMMAND     run COMMAND: who does not die of SIGKILL, and why
  sudo ktrace record -o FILE          record everything, to be read elsewhere
  ktrace report FILE                  a report of what was recorded
  ktrace dmesg [FILE]                 what is wrong in a kernel log
  sudo ktrace doctor                  what this kernel lets ktrace see
All commands: ktrace --help""".splitlines()


def main() -> None:
    """Run the command line; ends the process."""
    code: int = ExitCode.CLEAN
    output.prepare()
    try:
        code = _run()
    except click.exceptions.Exit as done:  # --help, --version
        code = done.exit_code
    except KtraceError as error:
        _complain(error)
        code = error.exit_code
    except click.ClickException as error:
        _show(error)
        code = ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        code = 128 + signal.SIGINT
    except BrokenPipeError:
        code = 128 + signal.SIGPIPE  # what the shell would say of a reader that left
    except OSError as error:  # stdout takes nothing, a disk is broken, files or memory are used up
        output.complain(f"ktrace: {error.strerror or error}")
        code = ExitCode.INCONCLUSIVE
    except Exception as error:  # a bug: not the 1 of Python, which means that something was found
        if os.environ.get("KTRACE_DEBUG"):
            raise
        _complain(error)
        code = ExitCode.INCONCLUSIVE
    sys.exit(_flushed(code))


def _run() -> int:
    """The verb's exit code. Not click's own main(): it makes a broken pipe an exit with 1, which
    here means that something was found."""
    if "_KTRACE_COMPLETE" in os.environ:  # the shell asks what could come next
        cli.main(prog_name="ktrace")
    with cli.make_context("ktrace", sys.argv[1:]) as context:
        result = cli.invoke(context)
    return result if isinstance(result, int) else ExitCode.CLEAN


def _flushed(code: int) -> int:
    """code, when stdout has taken everything: a verdict that nobody got is none."""
    try:
        sys.stdout.flush()
    except OSError:
        output.discard_stdout()
        return ExitCode.INCONCLUSIVE if code in (ExitCode.CLEAN, ExitCode.FOUND) else code
    return code


def _show(error: click.ClickException) -> None:
    """As click does, but for what the arguments could do to the terminal."""
    text = io.StringIO()
    error.show(file=text)
    for line in text.getvalue().splitlines():
        output.complain(line)


def _complain(error: Exception) -> None:
    for line in error_lines(error):
        output.complain(line)
