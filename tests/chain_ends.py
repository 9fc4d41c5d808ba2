"""Where the wait chains of a finding end, from its JSON."""

from collections.abc import Iterator
from typing import Any

Record = dict[str, Any]


def chain_ends(finding: Record) -> Iterator[Record]:
    """Whoever waits for nobody that is known: the task itself, or the last links of its chains, the
    wait of each in "wait" (None: not known). A link that closes a cycle has "cycle_to"."""
    if not finding["blocked_by"]:
        yield {**finding, "wait": finding["waits_for"]}
    for blocker in finding["blocked_by"]:
        yield from _ends(blocker)


def _ends(blocker: Record) -> Iterator[Record]:
    if not blocker["blocked_by"]:
        yield blocker
    for behind in blocker["blocked_by"]:
        yield from _ends(behind)
