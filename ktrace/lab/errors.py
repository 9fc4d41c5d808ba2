"""What goes wrong in the lab itself, as opposed to what ktrace finds there."""

from ktrace.errors import ExitCode, KtraceError


class LabError(KtraceError):
    """The scenario did not run to its end, so it says nothing about ktrace or the kernel.

    `details` is what a tool or the guest's console said last: lines, for the user to read.
    """

    def __init__(self, message: str, *, hint: str = "", details: str = "") -> None:
        super().__init__(message, hint=hint, exit_code=ExitCode.INCONCLUSIVE)
        self.details = details


class GuestTimeout(LabError):
    """The guest did not answer within the time limit of a step."""


class GuestDied(LabError):
    """QEMU ended while the guest was still needed (a panic of the guest's kernel, mostly)."""
