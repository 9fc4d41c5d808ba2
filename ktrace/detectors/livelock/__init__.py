"""OOM handling that makes no progress: which domain, since when, and why."""

from ktrace.detectors.livelock.livelocks import Livelocks

__all__ = ["Livelocks"]
