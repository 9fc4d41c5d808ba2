"""The program on bad_page(): the running kernel's verifier takes it, also where no hook does.

What it reads is tested in guests, against QEMU: tests/lab/test_bad_pages_vm.py.
"""

from __future__ import annotations

import pytest

from ktrace.kernel.libbpf import lib
from ktrace.package import bpf_object

pytestmark = pytest.mark.kernel


def test_the_verifier_takes_the_page_table_walk() -> None:
    path = bpf_object("pages")
    opened = lib().bpf_object__open_file(path.encode(), None)
    assert opened
    try:
        program = None
        names = []
        while program := lib().bpf_object__next_program(opened, program):
            names.append(lib().bpf_program__name(program))
            # fentry is refused on some kernels whatever the program does
            lib().bpf_program__set_autoload(program, names[-1] == b"kprobe_bad_page")
        assert b"kprobe_bad_page" in names
        lib().messages.clear()
        assert lib().bpf_object__load(opened) == 0, "\n".join(lib().messages)
    finally:
        lib().bpf_object__close(opened)
