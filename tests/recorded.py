"""What a trace says, as the tests of guests need it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.tracer import Record, ktrace


def recorded(trace: Path) -> list[Record]:
    """The session, all events, the findings with their stacks written out, and the end."""
    events = [json.loads(line) for line in trace.read_text().splitlines()]
    told = [json.loads(line) for line in ktrace("replay", "--json", str(trace)).stdout.splitlines()]
    return [told[0], *(e for e in events if e["kind"] == "event"), *told[1:]]
