"""What `ktrace decode wait` prints: of one wait primitive, of its family, of a named wait."""

from collections.abc import Sequence

from ktrace.kernel.wait_functions import function_of, primitive_name
from ktrace.kernel.wait_primitives import EXAMINED, MACROS, PRIMITIVES, WaitPrimitive, family_of
from ktrace.waits.by_function import NAMED_WAITS

HEADINGS = ("function", "state", "SIGKILL", "any signal", "freeze", "timeout", "load", "since")
_ANSWERS = {True: "yes", False: "no", None: "as the caller chooses"}
_FREEZE = {
    "ends it": "ends it: the task is woken by a fake signal, and freezes on its way to user space",
    "waits for it": "does not end it: the freezer has to wait until it is over",
}


def lines_of(frame: str) -> list[str] | None:
    """frame: a function, or a frame of a stack as ktrace and the kernel print it. None where it is
    not known as one in which tasks wait."""
    function = function_of(frame)
    primitive = PRIMITIVES.get(function)
    if primitive:
        return _one(primitive)
    if function in NAMED_WAITS:
        return _named(function)
    family = primitive_name(function)
    if family is None:
        return None
    known = f"{function} is how the kernel waits in the family of {family}."
    return [known, "In which of them, the task's state says.", "", *_table(family_of(family))]


def all_lines() -> list[str]:
    """A table of all."""
    return _table(list(PRIMITIVES.values()))


def cells(primitive: WaitPrimitive) -> tuple[str, ...]:
    """One for each of HEADINGS. "?": as the caller chooses."""

    def short(answer: bool | None) -> str:
        return "?" if answer is None else _ANSWERS[answer]

    since = primitive.since + (f" to {primitive.until}" if primitive.until else "")
    return (
        primitive.name,
        MACROS.get(primitive.state, primitive.state) or "?",
        short(primitive.sigkill_ends),
        short(primitive.any_signal_ends),
        primitive.freeze if primitive.state else "?",
        short(primitive.timeout),
        short(primitive.in_load),
        since,
    )


def _one(primitive: WaitPrimitive) -> list[str]:
    state = MACROS.get(primitive.state, primitive.state)
    bits = f" ({primitive.state})" if state != primitive.state else ""
    rows = [
        ("state", f"{state}{bits}" if state else "the one that its caller chooses"),
        ("SIGKILL ends", _ANSWERS[primitive.sigkill_ends]),
        ("any signal", _ANSWERS[primitive.any_signal_ends]),
        ("freeze", _FREEZE.get(primitive.freeze, primitive.freeze)),
        ("timeout", "yes, the one that its caller gives" if primitive.timeout else "none"),
        ("in the load", _ANSWERS[primitive.in_load]),
        ("since", _since(primitive)),
        ("family", primitive.family),
    ]
    head = f"{primitive.name}  {primitive.header}"
    return [head, *(f"{name:<14} {text}" for name, text in rows)]


def _since(primitive: WaitPrimitive) -> str:
    position = EXAMINED.index(primitive.since)
    before = f", not in {EXAMINED[position - 1]}" if position else " or before"
    until = f"; the last that has it: {primitive.until}" if primitive.until else ""
    return f"{primitive.since}{before}{until} (of {EXAMINED[0]} to {EXAMINED[-1]})"


def _named(function: str) -> list[str]:
    named = NAMED_WAITS[function]
    rows = [
        ("waits for", named.detail),
        ("kind", f"{named.kind} (docs/waits.md)"),
        ("to release", named.release.text),
        ("command", named.release.command),
        ("SIGKILL ends", "as the task's state says: ktrace decode task-state"),
    ]
    return [function, *(f"{name:<14} {text}" for name, text in rows if text)]


def _table(primitives: Sequence[WaitPrimitive]) -> list[str]:
    rows = [HEADINGS, *(cells(primitive) for primitive in primitives)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
