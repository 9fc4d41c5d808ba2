"""Packages of another Debian suite or architecture than the machine's own: apt with directories of
its own.

Nothing of the machine's apt is changed. The mirror is the one that the machine itself uses.
"""

from collections.abc import Sequence
from pathlib import Path

from ktrace.errors import CannotTrace
from ktrace.lab.arch import AMD64, Arch
from ktrace.lab.errors import LabError
from ktrace.lab.tools import run_tool

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_ASK_S = 60.0
_UPDATE_S = 300.0


def suite_options(cache: Path, suite: str, arch: Arch = AMD64) -> tuple[str, ...]:
    """Options that make apt-get and apt-cache look at that suite and architecture only; the lists
    are fetched when they are not there yet. None for "", the machine's own suite, where the
    architecture is the machine's own, too."""
    if not suite and arch.is_own:
        return ()
    home = cache / "apt" / arch.kind(suite or "own")
    for directory in ("lists/partial", "cache/archives/partial"):
        (home / directory).mkdir(parents=True, exist_ok=True)
    (home / "status").touch()
    (home / "sources.list").write_text(_source(suite, arch))
    options = {
        "Dir::Etc::sourcelist": home / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State": home,
        "Dir::State::lists": home / "lists",
        "Dir::State::status": home / "status",  # nothing is installed there
        "Dir::Cache": home / "cache",
        "APT::Architecture": arch.name,
        "APT::Architectures::": arch.name,
    }
    arguments = tuple(word for name, value in options.items() for word in ("-o", f"{name}={value}"))
    if not any((home / "lists").glob("*Packages*")):
        update(arguments, suite)
    return arguments


def update(options: Sequence[str], suite: str = "") -> None:
    """Fetch the lists of packages anew."""
    try:
        run_tool(["apt-get", *options, "update"], timeout=_UPDATE_S)
    except LabError as error:
        of = f" for Debian's suite {suite}" if suite else ""
        error.hint = f"`apt-get update`{of} has failed: is the mirror reachable, are you root?"
        raise


def main_archive(targets: str) -> tuple[str, str] | None:
    """Mirror and suite of Debian's main archive in the output of `apt-get indextargets`, asked for
    REPO_URI and RELEASE: not the one for security updates, which has no other suites."""
    for line in targets.splitlines():
        uri, _, release = line.partition(" ")
        if release and "security" not in release:
            return uri, release
    return None


def _source(suite: str, arch: Arch) -> str:
    asked = [
        "apt-get",
        "indextargets",
        "--format",
        "$(REPO_URI) $(RELEASE)",
        "Created-By: Packages",
    ]
    found = main_archive(run_tool(asked, timeout=_ASK_S))
    if found is None:
        raise CannotTrace(
            "apt has no source of Debian packages here",
            hint="the lab needs Debian's package archive, or --kernel and --modules",
        )
    uri, own_suite = found
    signed = f" signed-by={_KEYRING}" if _KEYRING.exists() else ""
    return f"deb [arch={arch.name}{signed}] {uri} {suite or own_suite} main\n"
