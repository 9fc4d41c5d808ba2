"""What is made for guests: of the lab's own files, each image built once and kept in the cache."""

from collections.abc import Callable
from pathlib import Path

from ktrace.lab.cache import work_dir

GUEST_FILES = Path(__file__).parents[1] / "guest_files"
_KEPT = 2


def cached(cache: Path, name: str, build: Callable[[Path], None]) -> Path:
    """The image of that name, built if it is missing; older ones of its kind are dropped."""
    directory = cache / "images"
    directory.mkdir(exist_ok=True)
    image = directory / name
    if not image.is_file():
        with work_dir(directory) as scratch:
            build(scratch / name)
            (scratch / name).rename(image)
        _drop_old(directory, image)
    return image


def _drop_old(directory: Path, newest: Path) -> None:
    kind = newest.name.partition("-")[0]
    images = sorted(directory.glob(f"{kind}-*"), key=lambda path: path.stat().st_mtime)
    for image in images[:-_KEPT]:
        image.unlink(missing_ok=True)
