"""What the lab's commands say of a run, and of what ended it."""

import os
import traceback

from ktrace.lab.errors import LabError
from ktrace.lab.runner import LabResult
from ktrace.plural import count
from ktrace.views.error_text import error_lines
from ktrace.views.output import complain, say


def tell_files(result: LabResult) -> None:
    for trace in result.traces:
        say(f"trace: {trace} ({count(trace.stat().st_size, 'byte')})")
    if result.logs is not None:
        say(f"logs: {result.logs}")


def tell_error(error: Exception) -> None:
    """What ended a run, for one who is not there to read it."""
    if os.environ.get("KTRACE_DEBUG"):
        traceback.print_exception(error)
    if isinstance(error, LabError):
        tell_details(error.details)
    for line in error_lines(error):
        complain(line)


def tell_details(details: str) -> None:
    """What the guest said last, before the error's own line."""
    for line in details.splitlines():
        complain(f"  {line}")
