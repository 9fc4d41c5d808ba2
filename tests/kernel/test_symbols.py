"""ktrace.kernel.symbols: names of addresses from kallsyms."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrace.kernel.name_table import whole_lines
from ktrace.kernel.symbols import Module, Symbols, loaded_modules

# Not sorted: modules and BPF programs follow the kernel, wherever they lie.
KALLSYMS = b"""\
0000000000000000 A fixed_percpu_data
ffffffff81000000 T _text
ffffffff81000100 t percpu_rwsem_wait
ffffffff81000080 T schedule
ffffffff81000140 D jiffies
ffffffff81000200 W weak_function
ffffffffc0a52000 t squashfs_cache_get\t[squashfs]
ffffffffc0a52323 r __func__.0\t[squashfs]
ffffffffa0001000 t bpf_prog_6deef7357e7b4530_iter_task\t[bpf]
ffffffff81000300 T last_of_the_kernel"""


@pytest.fixture(scope="module")
def symbols() -> Symbols:
    return Symbols([KALLSYMS.split(b"\n")])


@pytest.mark.unit
@pytest.mark.parametrize(
    ("address", "name"),
    [
        (0xFFFFFFFF81000000, "_text+0x0"),
        (0xFFFFFFFF8100007F, "_text+0x7f"),
        (0xFFFFFFFF81000080, "schedule+0x0"),
        (0xFFFFFFFF81000116, "percpu_rwsem_wait+0x16"),
        (0xFFFFFFFF81000150, "percpu_rwsem_wait+0x50"),  # data has no part in it
        (0xFFFFFFFF81000201, "weak_function+0x1"),
        (0xFFFFFFFF81000300, "last_of_the_kernel+0x0"),  # its line has no end
        (0xFFFFFFFFC0A52323, "squashfs_cache_get+0x323 [squashfs]"),
        (0xFFFFFFFFA0001001, "bpf_prog_6deef7357e7b4530_iter_task+0x1 [bpf]"),
        (0xFFFFFFFF80FFFFFF, "0xffffffff80ffffff"),
        (0, "0x0"),
    ],
)
def test_name(symbols: Symbols, address: int, name: str) -> None:
    assert symbols.name(address) == name


@pytest.mark.unit
def test_only_functions_with_an_address_count(symbols: Symbols) -> None:
    assert len(symbols) == 7


@pytest.mark.unit
def test_hidden_addresses_leave_nothing() -> None:
    """kptr_restrict: every address is zero."""
    hidden = Symbols([[b"0000000000000000 T _text", b"0000000000000000 t schedule"]])
    assert len(hidden) == 0
    assert hidden.name(0xFFFFFFFF81000000) == "0xffffffff81000000"


@pytest.mark.unit
@pytest.mark.parametrize(
    "line",
    [b"", b"ffffffff81000000", b"ffffffff81000000 ", b"ffffffff81000000 T", b" T x"],
)
def test_truncated_lines_are_left_out(line: bytes) -> None:
    found = Symbols([[b"ffffffff81000000 T _text", line]])
    assert len(found) == 1
    assert found.name(0xFFFFFFFF81000010) == "_text+0x10"


@pytest.mark.unit
def test_name_that_is_no_utf8() -> None:
    assert Symbols([[b"ffffffff81000000 T bad\xff"]]).name(0xFFFFFFFF81000000) == "bad\ufffd+0x0"


@pytest.mark.unit
def test_padding_before_functions_is_none() -> None:
    padded = [b"ffffffff81000000 T __pfx_schedule", b"ffffffff81000010 T schedule"]
    symbols = Symbols([padded, [b"ffffffff81000080 t __pfx"]])
    assert len(symbols) == 2
    assert symbols.name(0xFFFFFFFF81000000) == "0xffffffff81000000"
    assert symbols.name(0xFFFFFFFF81000080) == "__pfx+0x0"


@pytest.mark.unit
def test_addresses_of_32_bits() -> None:
    symbols = Symbols([[b"c0008000 T _text", b"00000000 t hidden", b"c0009000 d rtnl_mutex"]])
    assert len(symbols) == 1
    assert symbols.name(0xC0008004) == "_text+0x4"
    assert symbols.variables.address("rtnl_mutex") == 0xC0009000


@pytest.mark.unit
@given(st.integers(1, len(KALLSYMS)))
def test_read_in_any_pieces(size: int) -> None:
    """As the kernel hands it out: not at the ends of lines."""
    pieces = [KALLSYMS[at : at + size] for at in range(0, len(KALLSYMS), size)]
    file: Any = SimpleNamespace(read=lambda _: pieces.pop(0) if pieces else b"")
    assert [line for lines in whole_lines(file) for line in lines] == KALLSYMS.split(b"\n")


@pytest.mark.unit
def test_empty() -> None:
    assert Symbols(()).name(0x10) == "0x10"


@pytest.mark.unit
@given(st.dictionaries(st.integers(1, 2**64 - 1), st.from_regex(r"[a-z_]{1,20}", fullmatch=True)))
def test_every_symbol_is_found_at_its_address(entries: dict[int, str]) -> None:
    lines = [f"{address:016x} t {name}".encode() for address, name in entries.items()]
    symbols = Symbols([lines])
    for address, name in entries.items():
        assert symbols.name(address) == f"{name}+0x0"


@pytest.mark.kernel
def test_functions_of_this_kernel() -> None:
    symbols = Symbols.of_kernel()
    if not len(symbols):
        pytest.skip("this kernel hides its addresses (kptr_restrict)")
    lines = Path("/proc/kallsyms").read_text().splitlines()
    address = next(int(line.split()[0], 16) for line in lines if line.endswith(" T do_exit"))
    assert symbols.name(address) == "do_exit+0x0"
    assert symbols.name(address + 4) == "do_exit+0x4"


@pytest.mark.unit
def test_unreadable_kallsyms_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ktrace.kernel.symbols.KALLSYMS", os.devnull + "/none")
    assert len(Symbols.of_kernel()) == 0


@pytest.mark.unit
def test_an_address_behind_a_module_is_not_that_modules() -> None:
    squashfs = Module("squashfs", 0xFFFFFFFFC0A53000)
    symbols = Symbols([KALLSYMS.split(b"\n")], [squashfs])
    assert symbols.name(0xFFFFFFFFC0A52FFF) == "squashfs_cache_get+0xfff [squashfs]"
    assert symbols.name(0xFFFFFFFFC0A53000) == "0xffffffffc0a53000"


@pytest.mark.unit
def test_modules_of_the_kernel_that_hides_addresses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = tmp_path / "modules"
    monkeypatch.setattr("ktrace.kernel.symbols.MODULES", str(listing))
    listing.write_text("virtio 16384 4 virtio_blk,virtio_pci, Live 0x0000000000000000\n")
    assert loaded_modules() == frozenset()
    listing.write_text("virtio 16384 4 virtio_blk,virtio_pci, Live 0xffffffffc0200000 (E)\n")
    assert loaded_modules() == {Module("virtio", 0xFFFFFFFFC0204000)}
    listing.unlink()
    assert loaded_modules() == frozenset()


@pytest.mark.unit
@given(st.lists(st.integers(min_value=1, max_value=40)), st.lists(st.integers(1, 40)))
def test_names_of_all_addresses_are_found_whatever_their_order(
    own: list[int], modules: list[int]
) -> None:
    """Own come sorted, those of modules lie between them, below or above; an address may have
    several names, of which the last is told."""
    addresses = [*sorted(own), *modules]
    lines = [b"%016x T name%d" % (address, at) for at, address in enumerate(addresses)]
    found = Symbols([lines])
    assert len(found) == len(addresses)
    assert list(found._functions.addresses) == sorted(addresses)
    for address in addresses:
        last = max(at for at, each in enumerate(addresses) if each == address)
        assert found.name(address) == f"name{last}+0x0"
