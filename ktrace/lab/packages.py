"""A Debian kernel for the guest: downloaded through apt, unpacked into the cache, not installed.

Once a kernel is in the cache apt is not asked again, so the lab works offline and its results
stay comparable. To move on to a newer kernel, remove it from the cache.
"""

from dataclasses import dataclass
from pathlib import Path

from ktrace.errors import CannotTrace
from ktrace.lab.cache import work_dir
from ktrace.lab.errors import LabError
from ktrace.lab.tools import run_tool

METAPACKAGE = "linux-image-cloud-amd64"
ASK_S = 60.0
UPDATE_S = 300.0
DOWNLOAD_S = 900.0
UNPACK_S = 300.0


@dataclass(frozen=True)
class Kernel:
    """A bootable kernel image and the directory of its modules (lib/modules/RELEASE)."""

    image: Path
    modules: Path
    replaced: tuple[Path, ...] = ()  # module files that stand in for those of the same name

    @property
    def release(self) -> str:
        return self.modules.name


def debian_kernel(cache: Path, metapackage: str = METAPACKAGE) -> Kernel:
    """The kernel that `metapackage` stands for: from the cache, else downloaded into it."""
    home = cache / "kernels" / metapackage
    if not home.is_dir():
        home.parent.mkdir(parents=True, exist_ok=True)
        with work_dir(home.parent) as scratch:
            _download(metapackage, scratch)
            (scratch / "tree").rename(home)
    return unpacked_kernel(home)


def unpacked_kernel(tree: Path) -> Kernel:
    """The one kernel in an unpacked package."""
    # Later Debian packages have their modules under /usr.
    for parent in ("lib/modules", "usr/lib/modules"):
        for directory in sorted(tree.glob(f"{parent}/*")):
            image = tree / "boot" / f"vmlinuz-{directory.name}"
            if image.is_file():
                return Kernel(image, directory)
    raise LabError(f"no kernel in {tree}", hint="remove that directory and try again")


def _download(metapackage: str, scratch: Path) -> None:
    package = _resolve(metapackage)
    try:
        _fetch(package, scratch)
    except LabError:
        # The lists may be older than the archive: what they name is then gone from it.
        _update()
        package = _resolve(metapackage)
        _fetch(package, scratch)
    archive = next(scratch.glob("*.deb"))
    run_tool(["dpkg-deb", "-x", str(archive), str(scratch / "tree")], timeout=UNPACK_S)


def _resolve(metapackage: str) -> str:
    if not candidate(_policy(metapackage)):
        _update()
    if not candidate(_policy(metapackage)):
        raise CannotTrace(
            f"apt knows no package {metapackage}",
            hint="the lab needs Debian's package archive, or --kernel and --modules",
        )
    package = image_package(run_tool(["apt-cache", "depends", metapackage], timeout=ASK_S))
    if package is None:
        raise LabError(f"{metapackage} depends on no linux-image package")
    return package


def _policy(package: str) -> str:
    return run_tool(["apt-cache", "policy", package], timeout=ASK_S)


def _update() -> None:
    try:
        run_tool(["apt-get", "update"], timeout=UPDATE_S)
    except LabError as error:
        error.hint = "run `apt-get update` as root, then try again"
        raise


def _fetch(package: str, directory: Path) -> None:
    run_tool(["apt-get", "download", package], timeout=DOWNLOAD_S, cwd=directory)


def candidate(policy: str) -> str | None:
    """The candidate version in the output of `apt-cache policy PACKAGE`, if there is one."""
    for line in policy.splitlines():
        name, _, version = line.strip().partition(": ")
        if name == "Candidate":
            return None if version == "(none)" else version
    return None


def image_package(depends: str) -> str | None:
    """The kernel package in the output of `apt-cache depends METAPACKAGE`."""
    for line in depends.splitlines():
        kind, _, name = line.strip().partition(": ")
        if kind.lstrip("|") == "Depends" and name.startswith("linux-image-"):
            return name
    return None
