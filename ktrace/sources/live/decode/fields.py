"""Members that many structs of bpf/events.h have, as Python has them."""

import mmap
from typing import Any

from ktrace.events import Task

PAGE_KIB = mmap.PAGESIZE // 1024  # of this machine


def seconds(nanoseconds: int) -> float:
    return round(nanoseconds / 1e9, 6)


def kib(pages: int, page_kib: int) -> int:
    # a percpu counter read without its CPUs' shares may be a little below zero
    return max(0, pages) * page_kib


def text(characters: Any) -> str:
    return bytes(characters).partition(b"\0")[0].decode(errors="backslashreplace")


def task(raw: Any) -> Task:
    return Task(raw.pid, raw.tid, text(raw.comm))


def cgroup(characters: Any) -> str:
    """ "/system.slice/app" of "app\\0system.slice\\0\\0"."""
    components = bytes(characters).rstrip(b"\0").split(b"\0")
    return "/" + "/".join(
        component.decode(errors="backslashreplace") for component in reversed(components)
    ).lstrip("/")
