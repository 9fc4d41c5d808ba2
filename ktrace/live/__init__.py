"""A live run: options, signals, COMMAND, actions, and the loop that joins them."""
