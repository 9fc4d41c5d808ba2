"""On which kernels the guests of a test run."""

import os
from typing import Any

import pytest

from ktrace.errors import KtraceError
from ktrace.lab.build.packages import Kernel, debian_kernel
from ktrace.lab.cache import cache_dir

OWN = "own"  # Debian's kernel of the machine's own suite
_CHOSEN = "KTRACE_LAB_SUITES"


def kernel_of(*suites: str) -> Any:
    """A fixture of a module: a kernel of each of these suites of Debian. Others are chosen in the
    environment, as KTRACE_LAB_SUITES="bullseye own trixie sid": CI has no time for all."""
    chosen = tuple(os.environ.get(_CHOSEN, "").split())

    @pytest.fixture(scope="module", params=chosen or suites)
    def kernel(request: pytest.FixtureRequest) -> Kernel:
        suite = "" if request.param == OWN else request.param
        try:
            return debian_kernel(cache_dir(), suite=suite)
        except KtraceError as error:
            if not suite or os.environ.get("CI"):
                raise
            pytest.skip(f"no kernel of {suite}: {error}")

    return kernel
