"""The trace file: format, reader, writer, damage."""
