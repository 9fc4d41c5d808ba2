"""ktrace.kernel.taint: letters in words, foreign modules by name."""

import pytest

from ktrace.kernel.taint import foreign_modules, taint_words

pytestmark = pytest.mark.unit


def test_words() -> None:
    assert taint_words("G    B   W  O", "6.1.0") == [
        "B bad page before",
        "W warning before",
        "O out-of-tree module",
    ]
    assert taint_words("P", "2.6.32") == ["P proprietary module"]
    assert taint_words("Z", "9.9") == ["Z unknown"]


def test_red_hats_own() -> None:
    assert taint_words("GT", "5.14.0-70.el9.x86_64") == ["T technology preview used"]
    assert taint_words("GT", "5.14.0") == ["T struct layout randomised"]


def test_modules() -> None:
    """print_modules() of kernel/module/main.c, v6.1"""
    line = "Modules linked in: nvidia(POE) ext4 vboxdrv(OE) snd(E) staged(C) gone(-)"
    assert foreign_modules(line) == ("nvidia(POE)", "vboxdrv(OE)", "snd(E)")
    assert foreign_modules("Modules linked in: ext4 jbd2") == ()
    assert foreign_modules("call foo(O)") == ()
