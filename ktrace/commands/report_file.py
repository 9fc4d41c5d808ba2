"""The file that a report is written to."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ktrace.errors import UsageError
from ktrace.private_file import replace_private


@contextmanager
def written_to(path: str, force: bool) -> Iterator[None]:
    """What goes to stdout meanwhile is put in place of path as a whole, when it is complete.

    Raises UsageError where path exists and may not be overwritten, or cannot be written.
    """
    if os.path.lexists(path) and not force:
        raise UsageError(f"{path} exists", hint="--force overwrites it")
    plain, text = sys.stdout, io.StringIO()
    sys.stdout = text
    try:
        yield
    finally:
        sys.stdout = plain
    try:
        replace_private(path, text.getvalue().encode(errors="backslashreplace"))
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None
