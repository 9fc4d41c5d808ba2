"""Debian's Python for the guest's /usr: interpreter, library, shared libraries, dependencies."""

import ctypes
import re
import shutil
from collections.abc import Iterable, Iterator
from importlib import metadata, util
from pathlib import Path

from ktrace.errors import CannotTrace
from ktrace.lab.tools import run_tool

PYTHON = Path("/usr/bin/python3")
LIBBPF = "libbpf.so.1"
# What ktrace needs in any case: in a checkout no metadata names its dependencies.
DEPENDENCIES = ("click", "rich")
_LEFT_OUT = (
    "__phello__",
    "config-*",
    "dist-packages",
    "distutils",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "pydoc_data",
    "site-packages",
    "test",
    "tests",
    "tkinter",
    "turtledemo",
    "venv",
)
_SHARED_LIBRARY = re.compile(r"(?:=> )?(/\S+) \(0x")
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def sources() -> list[Path]:
    """All that goes into the tree: what decides whether a built image is still good."""
    interpreter = _interpreter()
    return [interpreter, _library(interpreter), _libbpf(), *dependency_paths()]


def build(usr: Path) -> None:
    """Fill `usr`, which will be the guest's /usr."""
    interpreter = _interpreter()
    copied = copy_python(usr, interpreter, _library(interpreter))
    copy_shared_libraries(usr, [interpreter, _libbpf(), *copied.glob("lib-dynload/*.so")])
    copy_dependencies(usr)


def copy_python(usr: Path, interpreter: Path, library: Path) -> Path:
    """Interpreter and standard library; the library's place in `usr`."""
    (usr / "bin").mkdir(parents=True)
    shutil.copy2(interpreter, usr / "bin" / interpreter.name)
    (usr / "bin" / "python3").symlink_to(interpreter.name)
    copied = usr / "lib" / library.name
    shutil.copytree(library, copied, symlinks=True, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    return copied


def compile_all(directory: Path) -> None:
    """Make the .pyc files that are missing: under TCG a guest would take minutes to do so."""
    run_tool([str(PYTHON), "-m", "compileall", "-q", "-j2", str(directory)], timeout=300)


def _interpreter() -> Path:
    if not PYTHON.exists():
        raise CannotTrace(f"the lab needs {PYTHON}", hint="Debian has it in: python3")
    return PYTHON.resolve()


def _library(interpreter: Path) -> Path:
    question = "import sysconfig; print(sysconfig.get_path('stdlib'))"
    return Path(run_tool([str(interpreter), "-I", "-c", question], timeout=60).strip())


def _libbpf() -> Path:
    try:
        ctypes.CDLL(LIBBPF)
    except OSError:
        raise CannotTrace(f"the lab needs {LIBBPF}", hint="Debian has it in: libbpf1") from None
    # The linker knows where it is, whatever directories it is set up to search.
    lines = Path("/proc/self/maps").read_text().splitlines()
    loaded = next(line.split()[-1] for line in lines if "/libbpf.so" in line)
    return Path(loaded).parent / LIBBPF


def shared_libraries(ldd: str) -> list[Path]:
    """The files that `ldd` lists, the program interpreter among them."""
    return [Path(path) for path in _SHARED_LIBRARY.findall(ldd)]


def copy_shared_libraries(usr: Path, users: Iterable[Path]) -> None:
    needed: set[Path] = {_libbpf()}
    for user in users:
        needed.update(shared_libraries(run_tool(["ldd", str(user)], timeout=60)))
    for path in sorted(needed):
        target = place_of_library(usr, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)


def place_of_library(usr: Path, path: Path) -> Path:
    """Where a library goes: /lib/x/y and /usr/lib/x/y are one place on a merged /usr."""
    parent = path.parent.resolve()
    if parent.is_relative_to("/usr"):
        return usr / parent.relative_to("/usr") / path.name
    return usr / parent.relative_to("/") / path.name


def requirement_names(requirements: Iterable[str]) -> list[str]:
    """The distributions that unconditional "Requires-Dist" lines name."""
    names = []
    for requirement in requirements:
        if "extra ==" in requirement:
            continue
        found = _REQUIREMENT.match(requirement)
        if found:
            names.append(found[0])
    return names


def _dependencies() -> list[str]:
    """ktrace's dependencies and theirs, as installed in this interpreter's environment."""
    missing = [name for name in DEPENDENCIES if not _installed(name)]
    if missing:
        raise CannotTrace(f"the lab's guest needs {', '.join(missing)}, not installed here")
    found: list[str] = []
    todo = [*DEPENDENCIES, *_requirements_of("ktrace")]
    while todo:
        name = _normal(todo.pop(0))  # typing_extensions of one is the typing-extensions of another
        if name not in found and _installed(name):
            found.append(name)
            todo += _requirements_of(name)
    return found


def _requirements_of(name: str) -> list[str]:
    try:
        return requirement_names(metadata.requires(name) or [])
    except metadata.PackageNotFoundError:
        return []


def _installed(name: str) -> bool:
    # A requirement for another platform is named by its metadata, but is not here.
    return any(True for _ in metadata.Distribution.discover(name=name))


def _modules_of(name: str) -> list[str]:
    wanted = _normal(name)
    return [
        module
        for module, distributions in metadata.packages_distributions().items()
        if wanted in map(_normal, distributions)
    ]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def dependency_paths() -> Iterator[Path]:
    """The packages and modules that ktrace needs, as installed here: all are Python only."""
    for name in _dependencies():
        for module in _modules_of(name):
            location = module_path(module)
            if location is not None:
                yield location


def module_path(module: str) -> Path | None:
    """The directory of a package, or the file of a single module."""
    spec = util.find_spec(module)
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    return Path(spec.origin) if spec.origin else None


def copy_dependencies(usr: Path) -> None:
    """What ktrace imports beside the standard library."""
    packages = usr / "lib" / "python3" / "dist-packages"
    packages.mkdir(parents=True)
    for path in dependency_paths():
        copy_module(path, packages)
    for name in _dependencies():
        copy_metadata(name, packages)


def copy_module(path: Path, into: Path) -> None:
    """Copy a package or module, keeping its times: they are what its .pyc files are good for."""
    if path.is_dir():
        shutil.copytree(path, into / path.name)
    else:
        shutil.copy2(path, into)


def copy_metadata(name: str, into: Path) -> None:
    """What importlib.metadata.version() reads, which some packages call when imported."""
    distribution = metadata.distribution(name)
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO")
    if text is None:
        return
    directory = into / f"{_normal(name).replace('-', '_')}-{distribution.version}.dist-info"
    directory.mkdir()
    (directory / "METADATA").write_text(text)
