"""What a board needs to be traced, made where its kernel was built."""
