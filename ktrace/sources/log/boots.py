"""Which boot of a kernel a report is of."""

import re

from ktrace.sources.log.kind import Kind
from ktrace.sources.log.line import LogLine

# Ends what is open in the file before: a kind of report that only parts others (NEXT_FILE)
BETWEEN = b"-- ktrace: next file --\n"
_VERSION = re.compile(r"Linux version (?P<release>\d+\.\d\S*)(?:.*?(?P<build> #\d+\S*))?")
_REBOOT = re.compile(r"-- Reboot --|-- Boot [0-9a-f]{32} --")
_BACK_S = 1.0  # CPUs' clocks differ by less; time that goes back further is another boot

# What ends every report that is open
BANNER = Kind("banner", (b"Linux version ",), _VERSION, None)
NEXT_FILE = Kind(
    "next-file", (BETWEEN.strip(),), re.compile(re.escape(BETWEEN.decode().strip())), None
)
REBOOT = Kind("reboot", (b"-- Reboot --", b"-- Boot "), _REBOOT, None)


class Boots:
    """Which boot a report belongs to: by the journal's id, the kernel's first line, a new build of
    the kernel, or time that goes back. Boots that none of it tells apart count as one."""

    def __init__(self, boot_id: str) -> None:
        """boot_id: of the running kernel, when the log is its own."""
        self._boot_id = boot_id
        self._number = 1
        self._t: float | None = None
        self._kernel = ""
        self._fresh = True  # nothing of this boot was seen

    def line(self, line: LogLine) -> bool:
        """Whether another boot, or file, begins with the line, which has a head."""
        number = self._number
        assert line.head
        kind, match = line.head
        if kind is BANNER:
            if not self._fresh:
                self._begin()
            self._fresh = False
            self._kernel = f"{match['release']}{match['build'] or ''}"
        elif kind is NEXT_FILE:
            return True
        elif kind is REBOOT:
            if not self._fresh:
                self._begin()
            self._fresh = True
        else:
            return self.report(line)
        if line.stamped:
            self._t = line.t
        return number != self._number

    def report(self, line: LogLine) -> bool:
        """As line(), of a report's first line."""
        another = False
        if line.stamped:
            another = self._t is not None and (line.t or 0.0) < self._t - _BACK_S
            if another:
                self._begin()
            self._t = line.t
        self._fresh = False
        return another

    def goes_on_with(self, kernel: str) -> bool:
        """Is a report of that kernel no sign of another boot?"""
        return not kernel or self._kernel in ("", kernel)

    def id(self, line: LogLine) -> str:
        return self._boot_id or line.boot or f"boot {self._number} of the log"

    def of_report(self, kernel: str, boot: str) -> str:
        """The boot of a report that began in `boot`, now that it has said its kernel."""
        if not kernel or kernel == self._kernel or boot != f"boot {self._number} of the log":
            return boot
        if (self._kernel and kernel.split()[0] != self._kernel.split()[0]) or (
            " " in kernel and " " in self._kernel and kernel != self._kernel
        ):
            self._number += 1
            self._kernel = kernel
            return f"boot {self._number} of the log"
        self._kernel = self._kernel if " " in self._kernel else kernel
        return boot

    def _begin(self) -> None:
        self._number += 1
        self._fresh = False
        self._t = None
        self._kernel = ""
