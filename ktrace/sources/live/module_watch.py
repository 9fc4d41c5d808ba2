"""When to look whether a module came or went that has functions to hook."""

import math

from ktrace.kernel.module_news import ModuleNews

OFTEN_S = 0.2  # what happens in a module before its probe is attached is not seen
_COMING_S = 2.0  # older kernels tell of a module before its init function has run


class ModuleWatch:
    """Where the kernel tells of modules, at once when it does, and often for a while; else often.
    Once a second all the same."""

    def __init__(self) -> None:
        self._news = ModuleNews()
        self._often_until = 0.0
        self.next_look = 0.0  # seconds of CLOCK_BOOTTIME; inf while there is no need

    @property
    def fd(self) -> int | None:
        """Can be read from when the kernel has told something."""
        return self._news.fd

    def due(self, t: float, second: bool) -> bool:
        """To be asked whenever something may have happened. second: a second has passed."""
        told = self._news.read()
        if told:
            self._often_until = t + _COMING_S
        if not (told or second or t >= self.next_look):
            return False
        often = self._news.fd is None or t < self._often_until
        self.next_look = t + OFTEN_S if often else math.inf
        return True

    def close(self) -> None:
        self._news.close()
