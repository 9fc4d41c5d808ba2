"""On which architectures the guests of a test run."""

from __future__ import annotations

import os

import pytest

from ktrace.errors import KtraceError
from ktrace.lab.arch import ARCHES
from ktrace.lab.build.packages import Kernel, debian_kernel
from ktrace.lab.cache import cache_dir
from ktrace.lab.tools import find_tool


def kernel_for(name: str) -> Kernel:
    """Debian's kernel. The test is skipped where the lab cannot run such a guest, but not in CI."""
    arch = ARCHES[name]
    try:
        find_tool(arch.qemu)
        find_tool(arch.compiler)
        return debian_kernel(cache_dir(), arch=arch)
    except KtraceError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no guest of {name}: {error}")
