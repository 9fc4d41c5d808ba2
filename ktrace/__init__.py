"""ktrace: who did not die after SIGKILL, why, and who is in the way."""

__version__ = "0.1.0"
