"""Files that ktrace has beside its modules."""

import os


def packaged(*names: str) -> str:
    """The path of a file or folder of the package. Not by importlib.resources, which imports
    zipfile, tempfile and more."""
    return os.path.join(os.path.dirname(__file__), *names)
