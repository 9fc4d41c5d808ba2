"""ktrace replay: the same screen, from a recorded trace."""

import click

from ktrace.commands.options import Seconds
from ktrace.commands.source_option import source_lines, vmlinux_option
from ktrace.errors import ExitCode
from ktrace.findings import Session
from ktrace.views.choice import view_for
from ktrace.views.view import View


@click.command("replay")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
@click.option(
    "--speed",
    type=Seconds(min=0),
    default=None,
    help="Speed factor; 0: without waiting.  [default: 1 on a terminal, else 0]",
)
@vmlinux_option
def replay(
    files: tuple[str, ...], as_json: bool, speed: float | None, debug_files: tuple[str, ...]
) -> ExitCode:
    """Show a recorded FILE as it happened; several files one after the other.

    Bad pages in earlier files count in the verdict on later ones: a bad cell shows across boots.
    """
    from ktrace.replay.run import replay as replay_trace

    footer = f"replay of {' '.join(files)}"

    def view(session: Session, _file: str) -> View:
        return view_for(session.command, as_json, footer, session.also)

    source = source_lines(debug_files, installed=False)
    if source is None:
        return replay_trace(files, view, speed)
    from ktrace.source_frames import SourceFrames

    return replay_trace(files, view, speed, SourceFrames(source).of)
