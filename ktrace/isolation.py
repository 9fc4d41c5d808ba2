"""With privileges, no code from where anybody may have put it: the working directory, PYTHONPATH.

`python -m` puts the working directory before everything else, so that a click.py or a sitecustomize
there would be run by root. What Python itself has run before ktrace began cannot be undone: that is
what `python -I` is for.
"""

import os
import sys


def trusted(path: list[str], working_directory: str, python_path: str, own: str) -> list[str]:
    """path without the working directory and the entries of PYTHONPATH; own stays: the folder of
    the ktrace that runs already."""
    doubtful = {working_directory, *filter(None, python_path.split(os.pathsep))}
    refused = {os.path.realpath(entry) for entry in doubtful} - {os.path.realpath(own)}
    return [entry for entry in path if entry and os.path.realpath(entry) not in refused]


def isolate() -> None:
    """To be called before anything else is imported. Does nothing for users without capabilities,
    nor where ktrace is a library of another program."""
    if _has_privileges() and is_program():
        own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        here = os.getcwd() if os.path.isdir(os.curdir) else ""
        sys.path[:] = trusted(sys.path, here, os.environ.get("PYTHONPATH", ""), own)


def _has_privileges() -> bool:
    """Root, or who was given a capability."""
    if os.geteuid() == 0:
        return True
    try:
        with open("/proc/self/status") as file:
            sets = [line.split()[1] for line in file if line.startswith("CapEff:")]
    except OSError:
        return False
    return any(int(found, 16) for found in sets)


def is_program() -> bool:
    """Is this process ktrace, rather than another program that imports it?"""
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    name = spec.name if spec else os.path.basename(getattr(main, "__file__", None) or "")
    return name in ("ktrace", "ktrace.__main__")
