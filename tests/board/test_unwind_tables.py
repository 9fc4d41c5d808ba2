"""ktrace.board.unwind_tables: read from objects that a compiler for 32-bit ARM makes."""

from __future__ import annotations

import json
import shutil
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pytest

from ktrace.board.unwind_tables import tables
from ktrace.kernel.arm_unwind import ArmUnwinder

pytestmark = pytest.mark.unit

SOURCE = """
int outside(int);
int leaf(int x) { return x + 1; }
int __schedule(int x) { return outside(x) + x; }
int deep(int x) { int big[400]; for (int i = 0; i < 400; i++) big[i] = outside(x + i);
	return big[x & 255] + outside(big[3]); }
int _stext, _etext;
"""


def run(*command: str) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(command, capture_output=True, text=True)
    if "No available targets" in done.stderr:
        pytest.skip("this clang does not compile for ARM")
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def module(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("arm")
    (folder / "it.c").write_text(SOURCE)
    made = folder / "squash-fs.ko"
    target = ("--target=armv7-linux-gnueabi", "-marm", "-funwind-tables", "-O2")
    run("clang", *target, "-c", str(folder / "it.c"), "-o", str(made))
    return made


@pytest.fixture(scope="module")
def vmlinux(module: Path) -> Path:
    """The sections as the kernel's linker script names them; the addresses mean nothing."""
    made = module.with_name("vmlinux")
    renamed = ("--rename-section=.ARM.exidx=.ARM.unwind_idx",)
    run("llvm-objcopy", *renamed, str(module), str(made))
    return made


def described(vmlinux: Path, module: Path) -> Any:
    data = tables(str(vmlinux), [str(module)])
    assert data is not None
    ArmUnwinder(data)
    return json.loads(zlib.decompress(data))


def test_each_function_of_a_module_has_its_instructions(vmlinux: Path, module: Path) -> None:
    found = described(vmlinux, module)["modules"]["squash_fs"]
    assert {"leaf", "__schedule", "deep"} == found["functions"].keys()
    code = {
        at: found["instructions"][use] for at, use in zip(found["at"], found["uses"], strict=True)
    }
    leaf, schedule, deep = (code[found["functions"][n]] for n in ("leaf", "__schedule", "deep"))
    assert leaf.startswith("b0")  # it pushes nothing
    assert schedule[:1] in "8a"  # it pops registers, lr among them
    assert "b2" in deep or deep.startswith("3f")  # 1600 bytes of its own


def test_other_kernels_have_none(tmp_path: Path, vmlinux: Path, module: Path) -> None:
    other = tmp_path / "vmlinux"
    other.write_bytes(b"\x7fELF\x02\x01" + bytes(100))
    assert tables(str(other), ()) is None
    assert tables(str(module), ()) is None  # with frame pointers: no such section
    cut = tmp_path / "cut"
    cut.write_bytes(vmlinux.read_bytes()[:200])
    with pytest.raises(ValueError, match="damaged"):
        tables(str(cut), ())
