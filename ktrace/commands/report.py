"""ktrace report: what one would paste into a mail to a kernel list, or look at in a browser."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from os.path import basename
from typing import TYPE_CHECKING, cast

import click

from ktrace.commands.known_option import catalogue, known_option
from ktrace.commands.source_option import source_lines, vmlinux_option
from ktrace.errors import ExitCode
from ktrace.views.output import filtered, say
from ktrace.views.view import View

if TYPE_CHECKING:
    from ktrace.findings import Session
    from ktrace.known_bugs import Catalogue
    from ktrace.replay.run import NewView
    from ktrace.trace.reader import Record

_FOR_PEOPLE = ("text", "html", "markdown")
_DOCUMENTS = ("html", "perfetto", "folded", "markdown")  # modules of ktrace/views/formats/


@click.command("report")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path())
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json", *_DOCUMENTS]),
    default="text",
    show_default=True,
    help="folded: for flame graphs; perfetto: for ui.perfetto.dev.",
)
@click.option("-o", "--output", metavar="FILE", help="Write it to FILE.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@click.option(
    "--redact",
    is_flag=True,
    help="Pseudonyms for names; no kernel pointers, arguments, or texts that may hold names.",
)
@known_option
@vmlinux_option
def report(
    files: tuple[str, ...],
    style: str,
    output: str | None,
    force: bool,
    redact: bool,
    known_files: tuple[str, ...],
    debug_files: tuple[str, ...],
) -> ExitCode:
    """Print a report of the trace in FILE; several files one after the other.

    Bad pages in earlier files count in the verdict on later ones: a bad cell shows across boots.
    """
    known = catalogue(known_files)
    with _target(output, force):
        placed = _placed(debug_files, style)
        if not redact:
            return _print(files, style, known, lambda file: file, placed)
        from ktrace.redaction import Redaction, hide_addresses

        hidden = Redaction().of
        with filtered(hide_addresses):
            return _print(
                files,
                style,
                known,
                basename,
                lambda record: placed(hidden(record)),
            )


def _target(output: str | None, force: bool) -> AbstractContextManager[None]:
    if output is None:
        return nullcontext()
    from ktrace.commands.report_file import written_to

    return written_to(output, force)


def _placed(debug_files: tuple[str, ...], style: str) -> "Callable[[Record], Record]":
    """Frames with their places in the source; those of an installed debug package are for people
    only, as programs read frames."""
    source = source_lines(debug_files, installed=style in _FOR_PEOPLE)
    if source is None:
        return lambda record: record
    from ktrace.source_frames import SourceFrames

    return SourceFrames(source).of


def _print(
    files: tuple[str, ...],
    style: str,
    known: "Catalogue",
    shown: Callable[[str], str],
    change: "Callable[[Record], Record]" = lambda record: record,
) -> ExitCode:
    from ktrace.replay.run import replay

    if style not in _DOCUMENTS:
        return replay(files, _streamed(style, len(files) > 1, known, shown), 0, change)
    from ktrace.views.formats.document import Document, Format

    document = Document(cast(Format, import_module(f"ktrace.views.formats.{style}")))

    def chapter(_session: "Session", file: str) -> View:
        view = document.chapter(shown(file))
        view.known = known
        return view

    code = replay(files, chapter, 0, change)
    for line in document.lines():
        say(line)
    return code


def _streamed(
    style: str, several: bool, known: "Catalogue", shown: Callable[[str], str]
) -> "NewView":
    """The view of each run prints by itself."""

    def view(_session: "Session", file: str) -> View:
        if style == "json":
            from ktrace.views.finding_notes import FindingNotes
            from ktrace.views.json_lines import JsonLinesView

            return JsonLinesView(FindingNotes(known))
        from ktrace.views.report import ReportView

        view_of_run = ReportView(shown(file) if several else "")
        view_of_run.known = known
        return view_of_run

    return view
