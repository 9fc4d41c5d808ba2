"""`ktrace decode page-flags`."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from ktrace.commands.decode import decode
from ktrace.errors import UsageError


def decoded(*arguments: str) -> str:
    result = CliRunner().invoke(decode, ["page-flags", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.unit
def test_the_flags_of_2009() -> None:
    assert decoded("0x80004000", "--era", "2.6.31-i386").splitlines() == [
        "0x80004000  head",
        "zone           2",
        "when allocated BAD: head",
        "when freed     no flag is wrong",
        "bits from      the table for 2.6.30 to 2.6.37, i386",
    ]


@pytest.mark.unit
def test_no_flags() -> None:
    assert decoded("0", "--era", "6.1").splitlines()[0] == "0x0  no flags"


@pytest.mark.unit
@pytest.mark.parametrize("value", ["flags", "-1", str(1 << 64)])
@pytest.mark.unit
def test_what_is_no_number(value: str) -> None:
    result = CliRunner().invoke(decode, ["page-flags", "--era", "6.1", "--", value])
    assert result.exit_code == 2


@pytest.mark.unit
def test_a_file_without_btf() -> None:
    with pytest.raises(UsageError, match="cannot read"):
        decoded("1", "--btf", __file__)


@pytest.mark.unit
def test_both_is_too_much() -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        decoded("1", "--btf", __file__, "--era", "6.1")


@pytest.mark.kernel
def test_the_running_kernel() -> None:
    assert "locked" in decoded("1").splitlines()[0]
