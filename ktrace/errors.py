"""What ktrace's exit codes mean, and the errors that carry them."""

from enum import IntEnum


class ExitCode(IntEnum):
    """The process's exit status, for every command."""

    CLEAN = 0
    FOUND = 1
    USAGE = 2  # bad usage, or input that cannot be read
    CANNOT_TRACE = 3  # privilege or kernel
    INCONCLUSIVE = 4  # events lost, or a probe that the verdict needs is missing


class KtraceError(Exception):
    """An error that ends the command: one line on what is wrong, and a hint on what to do."""

    def __init__(
        self, message: str, *, hint: str = "", exit_code: ExitCode = ExitCode.CANNOT_TRACE
    ) -> None:
        super().__init__(message)
        self.hint = hint
        self.exit_code = exit_code


class UsageError(KtraceError):
    """The command line or an input file is wrong."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint, exit_code=ExitCode.USAGE)


class CannotTrace(KtraceError):
    """This kernel or this user cannot do what was asked."""
