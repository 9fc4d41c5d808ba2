"""The user's COMMAND, run while ktrace traces."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping

from ktrace.errors import UsageError
from ktrace.findings import CommandEnd


def check_startable(argv: tuple[str, ...]) -> None:
    """Before anything is attached: raises UsageError where argv names no program."""
    if shutil.which(argv[0]) is not None:
        return
    if os.path.isdir(argv[0]):
        raise UsageError(f"cannot run {argv[0]}: it is a directory")
    if os.path.dirname(argv[0]) and os.path.exists(argv[0]):
        raise UsageError(f"cannot run {argv[0]}: it is not executable")
    raise UsageError(f"cannot run {argv[0]}: no such program")


class Command:
    """It has a session of its own: Ctrl-C reaches ktrace alone, which then ends it, and nothing in
    it can read from the terminal, and stop for ever, behind ktrace's back."""

    def __init__(
        self,
        argv: tuple[str, ...],
        setup: Callable[[], None],
        output: int | None,
        strict: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """output: a descriptor for what it prints; None: it prints where ktrace does.
        setup: makes its process what it is to be; environment: the same, added to ktrace's."""
        self.why_not = ""  # it could not be executed
        self._argv = argv
        self._strict = strict
        self._started = time.monotonic()
        self._ended: float | None = None
        self._by_ktrace = False
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._process = subprocess.Popen(
                argv,
                env=os.environ | environment if environment else None,
                stdin=subprocess.DEVNULL if os.isatty(0) else None,
                stdout=output,
                stderr=output,
                preexec_fn=setup,
                start_new_session=True,
            )
        except OSError as error:
            self.why_not = error.strerror or str(error)
        except subprocess.SubprocessError as error:
            self.why_not = str(error)

    def running(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            self._ended = self._ended or time.monotonic()
            return False
        return True

    def any_running(self) -> bool:
        """It, or what it has started and left in its process group."""
        running = self.running()
        try:
            os.killpg(self._pid, 0)
        except OSError:
            return running
        return True

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal to its process group."""
        self._by_ktrace = self._by_ktrace or self.running()
        try:
            os.killpg(self._pid, number)
        except OSError:  # nobody is left
            pass

    def end(self, wanted: bool) -> CommandEnd:
        """What became of it. wanted: it is to go on running."""
        code = None if self.running() or self._process is None else self._process.returncode
        if self._process is None:
            outcome = "not-executed"
        elif code is None:
            outcome = "running" if wanted else "unkillable"
        else:
            outcome = "exited" if code >= 0 else "signalled"
        return CommandEnd(
            argv=self._argv,
            pid=self._process.pid if self._process else None,
            outcome=outcome,
            status=code if code is not None and code >= 0 else None,
            signal=-code if code is not None and code < 0 else None,
            by_ktrace=self._by_ktrace,
            ran_s=round((self._ended or time.monotonic()) - self._started, 3),
            why=self.why_not,
            strict=self._strict,
        )

    @property
    def _pid(self) -> int:
        if self._process is None:
            raise ProcessLookupError
        return self._process.pid
