"""A comparison as one HTML file: the verdict, the checks, and both sides' times to death."""

from collections.abc import Sequence

from ktrace.comparison.runs import Run
from ktrace.comparison.verdict import Comparison
from ktrace.comparison.verdict_names import BETTER, FIXED, NOT_FIXED, WORSE
from ktrace.views.compare_text import text_lines
from ktrace.views.formats.html.frame import frame
from ktrace.views.formats.html.histogram import histogram
from ktrace.views.formats.html.markup import Element, el
from ktrace.views.formats.html.table import table

_COLOURS = {FIXED: "clean", BETTER: "clean", NOT_FIXED: "found", WORSE: "found"}


def html_text(comparison: Comparison) -> str:
    colour = _COLOURS.get(comparison.verdict, "inconclusive")
    checks = [(check.name, check.outcome, check.why) for check in comparison.checks]
    sides = (("before", _times(comparison.before)), ("after", _times(comparison.after)))
    return frame(
        f"ktrace compare: {comparison.verdict}",
        el(
            "main",
            el("h1", "ktrace compare ", el("span", comparison.verdict, class_=f"verdict {colour}")),
            el("p", comparison.why, class_="headline"),
            [el("p", text, class_="note") for text in comparison.differences],
            [el("p", f"warning: {text}", class_="note") for text in comparison.warnings],
            el("h2", "Time from SIGKILL to death"),
            histogram(sides),
            _legend(),
            el("h2", "Checks"),
            table(("Check", "Outcome", "Why"), checks, ""),
            el("details", el("summary", "As text"), el("pre", "\n".join(text_lines(comparison)))),
        ),
    )


def _times(runs: Sequence[Run]) -> list[float]:
    return [victim.after_s for run in runs for victim in run.victims if victim.exact]


def _legend() -> Element:
    before = el("span", el("i", style="background:var(--uninterruptible)"), "before")
    after = el("span", el("i", style="background:var(--accent)"), "after")
    return el("p", before, after, class_="legend note")
