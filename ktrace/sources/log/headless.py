"""Reports whose first line is not in the log, or of a kind that nobody knows."""

import re

from ktrace.sources.log import bad_page_torn
from ktrace.sources.log.alarms import call_trace
from ktrace.sources.log.kind import Kind

KINDS = (bad_page_torn.KIND, call_trace.KIND)
MARKERS = tuple(marker for kind in KINDS for marker in kind.markers)


def head(text: str) -> tuple[Kind, re.Match[str]] | None:
    """For a line, without its prefix, by which one begins; to be asked only where no report is open
    that it could be of."""
    return bad_page_torn.head(text) or call_trace.head(text)
