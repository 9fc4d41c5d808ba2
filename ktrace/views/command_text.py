"""How COMMAND ended, as text."""

import shlex

from ktrace.findings import CommandEnd
from ktrace.views import words
from ktrace.views.safe_text import safe

_LONG = 40
_SHELLS = {126: " (a shell's: cannot be executed)", 127: " (a shell's: not found)"}


def command_line(command: CommandEnd) -> str:
    """ "COMMAND (make -j4): exit status 2 after 3.9s"."""
    text = safe(shlex.join(command.argv))
    shown = text if len(text) <= _LONG else text[: _LONG - 3] + "..."
    return f"COMMAND ({shown}): {_end(command)}"


def _end(command: CommandEnd) -> str:
    after = words.seconds(command.ran_s)
    if command.outcome == "not-executed":
        return f"not executed: {safe(command.why)}"
    if command.outcome == "running":
        return f"still running (pid {command.pid}), as --keep-running asks"
    if command.outcome == "unkillable":
        return f"still there (pid {command.pid}), though ktrace sent it SIGTERM and SIGKILL"
    over = "; ktrace ended it, as the run was over" if command.by_ktrace else ""
    if command.signal is not None:
        return f"killed by {words.signal_name(command.signal)} after {after}{over}"
    hint = _SHELLS.get(command.status or 0, "")
    return f"exit status {command.status}{hint} after {after}{over}"
