"""Where events come from: a live kernel, a trace file."""
