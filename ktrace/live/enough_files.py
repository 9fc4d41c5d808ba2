"""What is begun needs open files, for programs, maps and links: with too few, nothing is traced."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from ktrace.errors import CannotTrace
from ktrace.kernel.libbpf import LibbpfError


@contextmanager
def enough_files() -> Iterator[None]:
    """Around what comes before tracing. Raises CannotTrace."""
    try:
        yield
    except (OSError, LibbpfError) as error:
        if error.errno not in (errno.EMFILE, errno.ENFILE):
            raise
        why = error.strerror if isinstance(error, OSError) else ""
        raise CannotTrace(why or str(error), hint="it needs more open files: ulimit -n") from None
