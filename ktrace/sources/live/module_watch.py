"""When to look whether a module came or went that has functions to hook."""

import math

from ktrace.kernel.module_news import ModuleNews

OFTEN_S = 0.2  # what happens in a module before its probe is attached is not seen
_COMING_S = 2.0


class ModuleWatch:
    """Once a second, and often for a while when the kernel has told of one; where it never does,
    always often.

    Not at once: older kernels tell of a module before its init function has run, and newer ones
    before they free that, which changes /proc/modules, so that symbols would be read twice
    (do_init_module(), kernel/module/main.c).
    """

    def __init__(self) -> None:
        self._news = ModuleNews()
        self._often_until = 0.0
        self.next_look = 0.0  # seconds of CLOCK_BOOTTIME; inf: with the next second

    @property
    def fd(self) -> int | None:
        """Can be read from when the kernel has told something."""
        return self._news.fd

    def due(self, t: float, second: bool) -> bool:
        """To be asked whenever something may have happened. second: a second has passed."""
        if self._news.read():
            self._often_until = t + _COMING_S
            self.next_look = min(self.next_look, t + OFTEN_S)
        if t < self.next_look and not (second and self.next_look == math.inf):
            return False
        often = self._news.fd is None or t < self._often_until
        self.next_look = t + OFTEN_S if often else math.inf
        return True

    def close(self) -> None:
        self._news.close()
