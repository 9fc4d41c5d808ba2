"""Which functions a run hooks, and which name of a function a kernel has."""

from __future__ import annotations

import pytest

from ktrace.findings import Probe
from ktrace.probes.catalog import hooked, one_of_each, purpose

pytestmark = pytest.mark.unit


def test_hooked_an_object_are_hooked_where_it_is_asked_for() -> None:
    always, asked = hooked(()), hooked(("squashfs_use",))
    assert "squashfs_cache_get" in always
    assert "squashfs_read_data" not in always
    assert {"squashfs_read_data", *always} <= {*asked}


@pytest.mark.parametrize("has", ["squashfs_read_folio", "squashfs_readpage"])
def test_of_two_names_the_one_that_the_kernel_has(has: str) -> None:
    names = ("squashfs_read_folio", "squashfs_readpage")
    states = [Probe(name, "", "attached" if name == has else "missing") for name in names]
    assert [probe.function for probe in one_of_each(states)] == [has]
    assert purpose("squashfs_readpage") == purpose("squashfs_read_folio")


def test_where_neither_is_there_the_name_of_today_is_told() -> None:
    missing = [Probe(name, "", "missing") for name in ("squashfs_read_folio", "squashfs_readpage")]
    assert [probe.function for probe in one_of_each(missing)] == ["squashfs_read_folio"]
