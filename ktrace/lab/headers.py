"""A Debian kernel's headers for the guest: downloaded through apt and unpacked, not installed."""

from pathlib import Path

from ktrace.lab.cache import work_dir
from ktrace.lab.errors import LabError
from ktrace.lab.tools import run_tool

ASK_S = 60.0
DOWNLOAD_S = 900.0
UNPACK_S = 300.0


def debian_headers(cache: Path, release: str) -> Path:
    """The unpacked packages linux-headers-RELEASE and its -common: from the cache, else downloaded
    into it. Raises LabError where apt no longer has those of this very kernel."""
    home = cache / "headers" / release
    if not home.is_dir():
        home.parent.mkdir(parents=True, exist_ok=True)
        with work_dir(home.parent) as scratch:
            _download(release, scratch)
            (scratch / "tree").rename(home)
    return home


def _download(release: str, scratch: Path) -> None:
    package = f"linux-headers-{release}"
    try:
        depends = run_tool(["apt-cache", "depends", package], timeout=ASK_S)
        wanted = [package, *common_packages(depends)]
        run_tool(["apt-get", "download", *wanted], timeout=DOWNLOAD_S, cwd=scratch)
    except LabError as error:
        error.hint = (
            f"apt must know {package}: run `apt-get update`, or remove the kernel from the lab's "
            "cache, so that the lab takes one whose headers there are"
        )
        raise
    for archive in scratch.glob("*.deb"):
        run_tool(["dpkg-deb", "-x", str(archive), str(scratch / "tree")], timeout=UNPACK_S)


def common_packages(depends: str) -> list[str]:
    """linux-headers-*-common in the output of `apt-cache depends`."""
    lines = (line.strip().partition(": ") for line in depends.splitlines())
    return [name for kind, _, name in lines if kind == "Depends" and name.endswith("-common")]
