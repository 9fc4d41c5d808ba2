"""Was a bug fixed? Runs before and after a change, compared."""
