"""A comparison as KTAP (Documentation/dev-tools/ktap.rst of the kernel)."""

from ktrace.comparison.verdict import Check, Comparison
from ktrace.views.compare_text import text_lines
from ktrace.views.safe_text import safe


def ktap_lines(comparison: Comparison) -> list[str]:
    """The text as diagnostic lines, then a result for each check."""
    checks = comparison.checks
    return [
        "KTAP version 1",
        f"1..{len(checks)}",
        *(f"# {line}".rstrip() for line in text_lines(comparison)),
        *(_result(number, check) for number, check in enumerate(checks, 1)),
    ]


def _result(number: int, check: Check) -> str:
    # A # begins a directive, so a description must not have one.
    name = safe(check.name).replace("#", "_")
    why = safe(check.why)
    if check.outcome == "skip":
        return f"ok {number} {name} # SKIP {why}"
    result = f"{'ok' if check.outcome == 'pass' else 'not ok'} {number} {name}"
    return f"{result} # {why}" if why else result
