"""A Debian kernel for the guest: downloaded through apt, unpacked into the cache, not installed.

Once a kernel is in the cache apt is not asked again, so the lab works offline and its results
stay comparable. To move on to a newer kernel, remove it from the cache.
"""

import re
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass, replace
from pathlib import Path

from ktrace.errors import CannotTrace
from ktrace.lab.arch import AMD64, Arch
from ktrace.lab.build.suites import suite_options, update
from ktrace.lab.cache import work_dir
from ktrace.lab.errors import LabError
from ktrace.lab.tools import run_tool

ASK_S = 60.0
DOWNLOAD_S = 900.0
UNPACK_S = 300.0


@dataclass(frozen=True)
class Kernel:
    """A bootable kernel image and the directory of its modules (lib/modules/RELEASE)."""

    image: Path
    modules: Path
    _: KW_ONLY
    suite: str = ""  # of Debian, that it is from; empty: the machine's own, or not Debian's
    replaced: tuple[Path, ...] = ()  # module files that stand in for those of the same name
    arch: Arch = AMD64

    @property
    def release(self) -> str:
        return self.modules.name


def debian_kernel(cache: Path, suite: str = "", arch: Arch = AMD64) -> Kernel:
    """The newest kernel of a suite of Debian (empty: of the machine's own): from the cache, else
    downloaded into it."""
    home = cache / "kernels" / "@".join(filter(None, (arch.metapackage, suite)))
    if not home.is_dir():
        home.parent.mkdir(parents=True, exist_ok=True)
        with work_dir(home.parent) as scratch:
            _download(arch.metapackage, scratch, Apt(cache, suite, arch))
            (scratch / "tree").rename(home)
    return replace(unpacked_kernel(home), suite=suite, arch=arch)


def debian_headers(cache: Path, kernel: Kernel) -> Path:
    """The directory in which modules for that kernel can be built: from the cache, else
    downloaded into it."""
    release = kernel.release
    home = cache / "headers" / release
    if not home.is_dir():
        home.parent.mkdir(parents=True, exist_ok=True)
        with work_dir(home.parent) as scratch:
            apt = Apt(cache, kernel.suite)
            _download_headers(f"linux-headers-{release}", scratch, home, apt)
            (scratch / "tree").rename(home)
    return home / "usr" / "src" / f"linux-headers-{release}"


def unpacked_kernel(tree: Path) -> Kernel:
    """The one kernel in an unpacked package."""
    # Later Debian packages have their modules under /usr.
    for parent in ("lib/modules", "usr/lib/modules"):
        for directory in sorted(tree.glob(f"{parent}/*")):
            # Until Debian 13 it is in /boot, then beside the modules.
            for image in (tree / "boot" / f"vmlinuz-{directory.name}", directory / "vmlinuz"):
                if image.is_file():
                    return Kernel(image, directory)
    raise LabError(f"no kernel in {tree}", hint="remove that directory and try again")


class Apt:
    """apt as it sees one suite of Debian, "" is the machine's own, and one architecture."""

    def __init__(self, cache: Path, suite: str, arch: Arch = AMD64) -> None:
        self._options = suite_options(cache, suite, arch)
        self._suite = suite

    def known(self, package: str) -> bool:
        """Whether there is such a package, if need be after an update of the lists."""
        if not candidate(self._cache("policy", package)):
            self.update()
        return candidate(self._cache("policy", package)) is not None

    def depends(self, package: str) -> str:
        return self._cache("depends", package)

    def update(self) -> None:
        update(self._options, self._suite)

    def download(self, package: str, directory: Path) -> None:
        """Get the package's file, without installing it."""
        command = ["apt-get", *self._options, "download", package]
        run_tool(command, timeout=DOWNLOAD_S, cwd=directory)

    def download_all(self, packages: Iterable[str], directory: Path) -> None:
        """Get the files of packages and of all that they need, without installing anything."""
        into = ("-o", f"Dir::Cache::archives={directory}")
        (directory / "partial").mkdir()
        asked = ("install", "--download-only", "--no-install-recommends", "--yes", *packages)
        run_tool(["apt-get", *self._options, *into, *asked], timeout=DOWNLOAD_S)

    def _cache(self, verb: str, package: str) -> str:
        return run_tool(["apt-cache", *self._options, verb, package], timeout=ASK_S)


def _download(metapackage: str, scratch: Path, apt: Apt) -> None:
    package = _resolve(metapackage, apt)
    try:
        apt.download(package, scratch)
    except LabError:
        # The lists may be older than the archive: what they name is then gone from it.
        apt.update()
        package = _resolve(metapackage, apt)
        apt.download(package, scratch)
    for part in image_parts(package, apt.depends(package)):
        apt.download(part, scratch)
    unpack(scratch)


def _download_headers(package: str, scratch: Path, home: Path, apt: Apt) -> None:
    if not apt.known(package):
        raise CannotTrace(
            f"apt knows no package {package}",
            hint="it is needed to build a module. When the kernel in the lab's cache is older than "
            "what the archive has, remove it there",
        )
    for name in (package, *headers_packages(apt.depends(package))):
        apt.download(name, scratch)
    unpack(scratch)
    # It names the other package's by its installed place.
    makefile = scratch / "tree/usr/src" / package / "Makefile"
    makefile.write_text(re.sub(r"(?<=[ =])/usr/src/", f"{home}/usr/src/", makefile.read_text()))


def unpack(scratch: Path) -> None:
    """The packages that lie in a folder, into its folder "tree"."""
    for archive in scratch.glob("*.deb"):
        run_tool(["dpkg-deb", "-x", str(archive), str(scratch / "tree")], timeout=UNPACK_S)


def _resolve(metapackage: str, apt: Apt) -> str:
    if not apt.known(metapackage):
        raise CannotTrace(
            f"apt knows no package {metapackage}",
            hint="the lab needs Debian's package archive, or --kernel and --modules",
        )
    package = image_package(apt.depends(metapackage))
    if package is None:
        raise LabError(f"{metapackage} depends on no linux-image package")
    return package


def candidate(policy: str) -> str | None:
    """The candidate version in the output of `apt-cache policy PACKAGE`, if there is one."""
    for line in policy.splitlines():
        name, _, version = line.strip().partition(": ")
        if name == "Candidate":
            return None if version == "(none)" else version
    return None


def headers_packages(depends: str) -> list[str]:
    """What a headers package needs to build with, in the output of `apt-cache depends`.

    Not the compiler's package, which is empty: the lab uses the machine's own gcc.
    """
    needed = []
    for line in depends.splitlines():
        kind, _, name = line.strip().partition(": ")
        if kind.lstrip("|") == "Depends" and name.startswith(("linux-headers-", "linux-kbuild-")):
            needed.append(name)
    return needed


def image_parts(package: str, depends: str) -> list[str]:
    """Where later Debian packages have the kernel itself and its modules, linux-image-RELEASE
    being an empty one that needs them."""
    release = package.removeprefix("linux-image-")
    names = (line.strip().partition(": ")[2] for line in depends.splitlines())
    parts = {f"linux-{part}-{release}" for part in ("base", "binary", "modules")}
    return [name for name in names if name in parts]


def image_package(depends: str) -> str | None:
    """The kernel package in the output of `apt-cache depends METAPACKAGE`."""
    for line in depends.splitlines():
        kind, _, name = line.strip().partition(": ")
        if kind.lstrip("|") == "Depends" and name.startswith("linux-image-"):
            return name
    return None
