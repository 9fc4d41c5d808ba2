"""The table of docs/wait-primitives.md: `python -m tests.views.wait_primitives_page` prints it."""

from ktrace.kernel.wait_primitives import PRIMITIVES, WaitPrimitive
from ktrace.views.wait_primitives import HEADINGS, cells

BEGIN = "<!-- made by python -m tests.views.wait_primitives_page -->"
END = "<!-- made until here -->"


def table() -> str:
    """With the marks between which it stands, a part for each family."""
    parts = [BEGIN]
    for family in dict.fromkeys(primitive.family for primitive in PRIMITIVES.values()):
        members = [one for one in PRIMITIVES.values() if one.family == family]
        rows = [HEADINGS, ("---",) * len(HEADINGS), *map(_escaped, members)]
        lines = [f"| {' | '.join(row)} |" for row in rows]
        parts += ["", f"## {family} (`{members[0].header}`)", "", *lines]
    return "\n".join([*parts, "", END])


def _escaped(primitive: WaitPrimitive) -> tuple[str, ...]:
    return tuple(cell.replace("|", "\\|") for cell in cells(primitive))


if __name__ == "__main__":
    print(table())
