"""ktrace in the guest without BTF."""

import pytest

from ktrace.lab.build.bcc_tree import without_btf

pytestmark = pytest.mark.unit


def test_btf_is_hidden_before_ktrace_starts() -> None:
    command = without_btf(("python3", "-m", "ktrace"))
    assert command[:2] == ("sh", "-c")
    assert "/sys/kernel/btf && exec" in command[2]
    assert command[4:] == ("python3", "-m", "ktrace")
