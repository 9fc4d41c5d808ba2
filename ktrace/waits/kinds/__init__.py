"""One file for each kind of wait: what to read, and what it is called."""
