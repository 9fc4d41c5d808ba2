"""--on-finding shell:CMD: one at a time, whatever happens to it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping

_LIMIT = 100  # actions of a run
_TIMEOUT_S = 60.0
_AT_END_S = 3.0  # that the end of a run waits for actions
_WAITING_BYTES = 1 << 20  # of findings that wait for the next action
_ENVIRONMENT_BYTES = 120_000  # of a variable; the kernel allows 128 KiB (MAX_ARG_STRLEN)


class Actions:
    """Findings that come while an action runs wait for the next one, which gets them all.

    An action finds them as JSON Lines on stdin, the newest in $KTRACE_FINDING (unless it is too
    long for a variable), and how many they are in $KTRACE_FINDINGS.
    """

    def __init__(
        self,
        command: str,
        setup: Callable[[], None],
        note: Callable[[str], None],
        output: int,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """setup: makes an action's process what it is to be; environment: the same, added to
        ktrace's; note: tells the user; output: a descriptor for what actions print."""
        self._command = command
        self._setup = setup
        self._note = note
        self._output = output
        self._environment = environment or {}
        self._waiting: list[str] = []
        self._dropped = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._started_t = 0.0
        self._started = 0
        self._told: set[str] = set()

    def add(self, finding_json: str) -> None:
        """A new finding."""
        if sum(map(len, self._waiting)) + len(finding_json) > _WAITING_BYTES:
            self._dropped += 1
        else:
            self._waiting.append(finding_json)
        self.poll()

    def poll(self) -> None:
        """Look after the one that runs; start the next."""
        if self._process is not None:
            self._look_after(self._process)
        if self._process is None and self._waiting:
            self._start()

    def finish(self) -> None:
        """Wait for what is still to do, but not for long."""
        until = time.monotonic() + _AT_END_S
        self.poll()
        while self._process is not None and time.monotonic() < until:
            time.sleep(0.02)
            self.poll()
        if self._process is not None:
            self._note(f"the action still runs (pid {self._process.pid})")
        left = len(self._waiting) + self._dropped
        if left:
            self._note(f"findings that no action was started for: {left}")

    def _look_after(self, process: subprocess.Popen[bytes]) -> None:
        code = process.poll()
        if code is not None:
            self._process = None
            if code:
                how = f"by signal {-code}" if code < 0 else f"with status {code}"
                self._tell("failed", f"an action ended {how}")
        elif time.monotonic() - self._started_t > _TIMEOUT_S:
            os.killpg(process.pid, signal.SIGKILL)  # should it not die, none is started any more
            self._tell("timeout", f"an action was killed after {_TIMEOUT_S:.0f} s")

    def _start(self) -> None:
        if self._started >= _LIMIT:
            self._tell("limit", f"{_LIMIT} actions were started, no more are")
            return
        findings, self._waiting = self._waiting, []
        try:
            self._process = self._popen(findings)
        except (OSError, subprocess.SubprocessError) as error:
            self._dropped += len(findings)
            self._tell("start", f"an action cannot be started: {error}")
            return
        self._started += 1
        self._started_t = time.monotonic()

    def _popen(self, findings: list[str]) -> subprocess.Popen[bytes]:
        environment = os.environ | self._environment | {"KTRACE_FINDINGS": str(len(findings))}
        if len(findings[-1].encode()) < _ENVIRONMENT_BYTES:
            environment["KTRACE_FINDING"] = findings[-1]
        with os.fdopen(os.memfd_create("ktrace-findings"), "w+b") as stdin:
            stdin.write("".join(f"{text}\n" for text in findings).encode())
            stdin.seek(0)
            return subprocess.Popen(
                ["/bin/sh", "-c", self._command],
                env=environment,
                stdin=stdin,
                stdout=self._output,
                stderr=self._output,
                preexec_fn=self._setup,
                start_new_session=True,
            )

    def _tell(self, what: str, text: str) -> None:
        """Once of each kind."""
        if what not in self._told:
            self._told.add(what)
            self._note(f"--on-finding: {text}")
