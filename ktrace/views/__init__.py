"""What the user sees: screen, lines, JSON, report."""
