"""ktrace compare: was it fixed?"""

from typing import TYPE_CHECKING

import click

from ktrace.commands.options import Seconds
from ktrace.errors import ExitCode, UsageError
from ktrace.views.output import say

if TYPE_CHECKING:
    from ktrace.comparison.verdict import Comparison

_SEPARATOR = "vs"


@click.command("compare")
@click.argument("traces", nargs=-1, required=True, metavar="BEFORE... [vs] AFTER...")
@click.option(
    "--in", "function", metavar="FUNCTION", help="Judge by the victims that are stuck in FUNCTION."
)
@click.option(
    "--stuck-after",
    type=Seconds(min=0.05),
    metavar="SECONDS",
    help="A victim is stuck when it is still alive after this time.  [default: as recorded]",
)
@click.option(
    "--ignore-differences",
    is_flag=True,
    help="Give a verdict although the two sides did not do comparable work.",
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json", "ktap", "junit", "html"]),
    default="text",
    show_default=True,
)
def compare_traces(
    traces: tuple[str, ...],
    function: str | None,
    stuck_after: float | None,
    ignore_differences: bool,
    style: str,
) -> ExitCode:
    """Say whether a change fixed the hang, or the bad pages, that the traces of BEFORE show.

    BEFORE and AFTER are each a trace, a directory of traces (*.ktrace), or several of them with
    the word vs between the two sides: ktrace compare stock-*.ktrace vs patched-*.ktrace

    The verdict is about the function in which most of BEFORE's victims are stuck. Each run counts
    once, so "fixed" takes at least three runs on each side, which killed the same programs about
    as often.
    """
    from ktrace.comparison.runs import read_sides
    from ktrace.comparison.verdict import compare

    old, new = _sides(traces)
    (before, told), (after, told_after) = read_sides([old, new], stuck_after)
    comparison = compare(before, after, function, [*told, *told_after], ignore_differences)
    code = exit_code(comparison)
    for line in _lines(comparison, style, code):
        say(line)
    return code


def exit_code(comparison: "Comparison") -> ExitCode:
    """CLEAN is "fixed" or "better", FOUND "not fixed" or "worse"."""
    from ktrace.comparison import verdict_names

    return {
        verdict_names.FIXED: ExitCode.CLEAN,
        verdict_names.BETTER: ExitCode.CLEAN,
        verdict_names.NOT_FIXED: ExitCode.FOUND,
        verdict_names.WORSE: ExitCode.FOUND,
        verdict_names.NOT_ENOUGH: ExitCode.INCONCLUSIVE,
        verdict_names.NOT_COMPARABLE: ExitCode.INCONCLUSIVE,
    }[comparison.verdict]


def _sides(traces: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if traces.count(_SEPARATOR) == 1:
        at = traces.index(_SEPARATOR)
        before, after = traces[:at], traces[at + 1 :]
        if before and after:
            return before, after
    elif len(traces) == 2 and _SEPARATOR not in traces:
        return traces[:1], traces[1:]
    raise UsageError(
        "compare takes a BEFORE and an AFTER",
        hint="with several traces, the word vs between: ktrace compare a1 a2 a3 vs b1 b2 b3",
    )


def _lines(comparison: "Comparison", style: str, code: ExitCode) -> list[str]:
    if style == "json":
        from ktrace.views.compare_json import json_text

        return [json_text(comparison, code)]
    if style == "html":
        from ktrace.views.compare_html import html_text

        return html_text(comparison).split("\n")
    if style == "junit":
        from ktrace.views.compare_junit import junit_text

        return junit_text(comparison).split("\n")
    if style == "ktap":
        from ktrace.views.compare_ktap import ktap_lines

        return ktap_lines(comparison)
    from ktrace.views.compare_text import text_lines

    return text_lines(comparison)
