"""ktrace.probes.held_memory: what the kernel tells of maps."""

import builtins
import io
from typing import Any

import pytest

from ktrace.probes.held_memory import held_memory

pytestmark = pytest.mark.unit

FDINFO = (
    "pos:\t0\nflags:\t02000002\nmap_type:\t27\nmax_entries:\t1048576\nmemlock:\t{}\nmap_id:\t7\n"
)


def told(monkeypatch: pytest.MonkeyPatch, *texts: str) -> str:
    files = {f"/proc/self/fdinfo/{fd}": text for fd, text in enumerate(texts, 10)}
    monkeypatch.setattr(builtins, "open", lambda path, *_: io.StringIO(files[path]))
    maps: dict[str, Any] = {
        name: 10 + n for n, name in enumerate(("events", "b", "c")[: len(texts)])
    }
    return held_memory(maps, ring="events")


def test_all_maps_and_the_ring(monkeypatch: pytest.MonkeyPatch) -> None:
    text = told(monkeypatch, FDINFO.format(1 << 20), FDINFO.format(3 << 19), FDINFO.format(0))
    assert text.startswith("2.5 MiB of the kernel in 3 maps")
    assert "1.0 MiB ring buffer" in text


def test_what_the_kernel_does_not_tell_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, FDINFO.format(4096), "pos:\t0\n").startswith("not known")
