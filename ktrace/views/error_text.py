"""An error that ended a command, as lines for stderr."""

from ktrace.errors import KtraceError
from ktrace.views.safe_text import safe


def error_lines(error: Exception) -> list[str]:
    """What is wrong, and a hint. Anything but a KtraceError is a bug of ktrace."""
    if isinstance(error, KtraceError):
        message, hint = str(error), error.hint
    else:
        message = f"internal error: {type(error).__name__}: {error}"
        hint = "please report it, with what KTRACE_DEBUG=1 in the environment prints"
    return [f"ktrace: {safe(message)}", *([f"        {safe(hint)}"] if hint else [])]
