"""Whether something built is still what would be built today."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

_DIGITS = 16


def fingerprint(paths: Iterable[Path], *words: str) -> str:
    """Changes when a file under `paths` does (name, size, time), or one of `words`."""
    digest = hashlib.sha256()
    for word in words:
        digest.update(word.encode() + b"\0")
    for root in paths:
        for path in [root, *sorted(root.rglob("*"))]:
            if path.is_file() and "__pycache__" not in path.parts:
                facts = path.stat()
                digest.update(f"{path}\0{facts.st_size}\0{facts.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:_DIGITS]
