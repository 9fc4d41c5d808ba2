"""ktrace: who did not die after SIGKILL, why, and who blocks it."""

__version__ = "0.1.0"
