"""Golden files of the views."""

import os
from pathlib import Path


class Golden:
    """Compares text with a file of tests/golden; KTRACE_UPDATE_GOLDEN=1 writes it anew."""

    folder = Path(__file__).parent.parent / "golden"

    def check(self, name: str, text: str) -> None:
        path = self.folder / name
        if os.environ.get("KTRACE_UPDATE_GOLDEN"):
            path.write_text(text)
        assert text == path.read_text()
