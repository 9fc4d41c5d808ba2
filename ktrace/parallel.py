"""Files that are read at once, by a process for each CPU, with one progress bar."""

import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import closing
from multiprocessing import Value
from typing import Any, TypeVar

from ktrace.views.progress import Progress

_T = TypeVar("_T")
_R = TypeVar("_R")
Told = Callable[[int], None]  # how many bytes of a file are read
_LOOK_S = 0.2

_done: Any = None  # in a process that reads: bytes, of all of them


def each(read: Callable[[_T, Told], _R], files: Sequence[_T], size: int, jobs: int) -> list[_R]:
    """read() of each, in their order; a function of a module, whose results can be pickled. size:
    bytes of all files. Raises what it raises."""
    done = Value("q", 0)
    with (
        closing(Progress(size)) as progress,
        ProcessPoolExecutor(jobs, initializer=_begin, initargs=(done,)) as pool,
    ):
        results = [pool.submit(_read, read, file) for file in files]
        try:
            left = set(results)
            while left:
                left = wait(left, _LOOK_S, FIRST_COMPLETED).not_done
                progress.update(done.value)
            return [result.result() for result in results]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def cpus() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0))


def _begin(done: Any) -> None:
    global _done
    _done = done
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it at once, and tells nothing


def _read(read: Callable[[_T, Told], _R], file: _T) -> _R:
    before = 0

    def told(now: int) -> None:
        nonlocal before
        with _done.get_lock():
            _done.value += now - before
        before = now

    return read(file, told)
