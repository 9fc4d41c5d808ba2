"""OOM handling that gets nowhere: which domain, since when, and why."""

from ktrace.detectors.livelock.livelocks import Livelocks
from ktrace.detectors.livelock.reasons import SPIN_S

__all__ = ["SPIN_S", "Livelocks"]
