"""Headers made from the running kernel's BTF, as the C compiler sees them."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import pytest

from ktrace.kernel.btf_members import Members
from ktrace.probes.bcc_headers import find_headers

pytestmark = pytest.mark.kernel


def test_offsets_in_c_are_those_of_btf(tmp_path: Path) -> None:
    headers = find_headers(platform.release(), modules=str(tmp_path))
    assert headers.kernel_source
    kernel = Members.of_kernel()
    try:
        wanted = {
            ("task_struct", "__state"): 0,
            ("task_struct", "comm"): 0,
            ("signal_struct", "oom_mm"): 0,
            ("mm_struct", "rss_stat"): 0,  # in an anonymous structure
            ("kernel_siginfo", "si_code"): 0,  # in an anonymous union
            ("pt_regs", "di"): 0,
        }
        for name, member in wanted:
            wanted[name, member] = kernel.members(name, set())[member].offset
        size = kernel.size_of("task_struct")
    finally:
        kernel.close()
    lines = [
        f'_Static_assert(__builtin_offsetof(struct {name}, {member}) == {offset}, "{member}");'
        for (name, member), offset in wanted.items()
    ]
    lines += [f'_Static_assert(sizeof(struct task_struct) == {size}, "task_struct");']
    source = "#include <ktrace_kernel.h>\n" + "\n".join(lines)
    try:
        done = subprocess.run(
            ["clang", "-fsyntax-only", "-nostdinc", "-x", "c", "-"]
            + [f"-I{headers.kernel_source}/include"],
            input=source,
            capture_output=True,
            text=True,
        )
    finally:
        headers.drop()
    assert done.returncode == 0, done.stderr
