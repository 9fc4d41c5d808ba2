"""How long the lab waits before it says that something is broken."""

# No expectation: what takes seconds on an idle machine, under TCG, takes five times as long where
# other work has the CPUs, and a guest that is short of memory crawls.
PATIENCE_S = 240.0
