"""Names that an agent sends."""

import pytest

from ktrace.sources.agent.symbols import SentSymbols

pytestmark = pytest.mark.unit

MODULES = "squashfs 4096 0 - Live 0xbf000000\n"


@pytest.fixture
def symbols() -> SentSymbols:
    made = SentSymbols(MODULES)
    made.add(b"c0100000 c0100100 vfs_read\nbf000000 bf002000 squashfs_get\t[squashfs]\n")
    return made


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (0xC0100010, "vfs_read+0x10"),
        (0xC0100100, "0xc0100100"),  # of the next function, which was not sent
        (0xBF000004, "squashfs_get+0x4 [squashfs]"),
        (0xBF001000, "0xbf001000"),  # behind the module
        (0xA0000000, "0xa0000000"),
    ],
)
def test_name(symbols: SentSymbols, address: int, name: str) -> None:
    assert symbols.name(address) == name


def test_a_return_address_lies_inside(symbols: SentSymbols) -> None:
    assert symbols.return_address(0xC0100010) == "vfs_read+0x10"
    assert symbols.return_address(0xC0100000) is None
    assert symbols.return_address(0xA0000000) is None


def test_what_is_no_symbol(symbols: SentSymbols) -> None:
    with pytest.raises(ValueError, match="unpack"):
        symbols.add(b"nonsense\n")
