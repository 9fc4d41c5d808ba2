"""ktrace.kernel.variables: static variables from kallsyms."""

import pytest

from ktrace.kernel.symbols import Symbols
from ktrace.kernel.variables import Variables

pytestmark = pytest.mark.unit

KALLSYMS = b"""\
0000000000000000 A fixed_percpu_data
0000000000021440 A runqueues
ffffffff81000000 T _text
ffffffff82e0a3c0 d rcu_state
ffffffff82e00000 D rtnl_mutex
ffffffffc0a53000 b lab_mutex\t[lock_kinds]
ffffffff82f00000 b last_of_the_kernel"""


@pytest.fixture
def variables() -> Variables:
    return Symbols([KALLSYMS.split(b"\n")]).variables


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (0xFFFFFFFF82E00000, "rtnl_mutex"),
        (0xFFFFFFFF82E00010, "rtnl_mutex+0x10"),
        (0xFFFFFFFF82E0D480, "rcu_state+0x30c0"),
        (0xFFFFFFFFC0A53000, "lab_mutex"),
        (0xFFFFFFFF82F00000, "last_of_the_kernel"),
        (0xFFFFFFFFC0000000, ""),  # far behind the last one before it
        (0x100, ""),
    ],
)
def test_name(variables: Variables, address: int, name: str) -> None:
    assert variables.name(address) == name


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("rcu_state", 0xFFFFFFFF82E0A3C0),
        ("lab_mutex", 0xFFFFFFFFC0A53000),
        ("runqueues", 0x21440),  # of a variable that each CPU has, the offset
        ("state", None),
        ("_text", None),
        ("last_of_the_kernel", 0xFFFFFFFF82F00000),
    ],
)
def test_address(variables: Variables, name: str, address: int | None) -> None:
    assert variables.address(name) == address


def test_a_kernel_that_shows_none() -> None:
    """Without CONFIG_KALLSYMS_ALL, or with kptr_restrict."""
    found = Symbols([[b"ffffffff81000000 T _text", b"0000000000000000 d rcu_state", b""]]).variables
    assert len(found) == 0
    assert found.name(0xFFFFFFFF81000000) == ""
    assert found.address("rcu_state") is None
