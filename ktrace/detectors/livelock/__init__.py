"""OOM handling that gets nowhere: which domain, since when, and why."""

from ktrace.detectors.livelock.livelocks import Livelocks

__all__ = ["Livelocks"]
