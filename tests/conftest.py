"""The three kinds of tests: unit, kernel, vm.

Every test carries exactly one of these markers (best as the module's ``pytestmark``). A kind that
this machine cannot run is skipped, with the reason on the screen; with CI=true in the environment
it fails instead, so that a green CI run has run everything.
"""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

from ktrace.package import bpf_object

CAP_SYS_ADMIN, CAP_PERFMON, CAP_BPF = 21, 38, 39

# On a busy machine a single example may take any time: no test shall fail for that.
hypothesis.settings.register_profile("ktrace", deadline=None)
hypothesis.settings.load_profile("ktrace")


def has_capabilities() -> bool:
    """Whether this process may load tracing programs; root in a container often may not."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            held = int(line.split()[1], 16)
            both = 1 << CAP_BPF | 1 << CAP_PERFMON
            return bool(held & 1 << CAP_SYS_ADMIN) or held & both == both
    return False


def kernel_lacks() -> str | None:
    if os.geteuid() != 0:
        return "not root"
    if not has_capabilities():
        return "root without the capabilities for BPF (a container?)"
    if not Path("/sys/kernel/btf/vmlinux").exists():
        return "this kernel has no BTF (/sys/kernel/btf/vmlinux)"
    if not Path(bpf_object("tasks")).exists():
        return "the BPF objects are not built (make bpf)"
    return None


def vm_lacks() -> str | None:
    # Imported here: a broken lab shall not keep the other kinds from running.
    from ktrace.errors import KtraceError
    from ktrace.lab.build.packages import debian_kernel
    from ktrace.lab.cache import cache_dir
    from ktrace.lab.tools import DEBIAN_PACKAGE, find_tool

    try:
        for tool in DEBIAN_PACKAGE:
            find_tool(tool)
        # The only way to know that a kernel can be had is to have it: downloaded once.
        debian_kernel(cache_dir())
    except KtraceError as error:
        return f"{error} ({error.hint})" if error.hint else str(error)
    return None


LACKS: dict[str, Callable[[], str | None]] = {
    "unit": lambda: None,
    "kernel": kernel_lacks,
    "vm": vm_lacks,
}


@functools.cache
def lacks(kind: str) -> str | None:
    """Why this machine cannot run tests of this kind, or None."""
    return LACKS[kind]()


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() in ("1", "true")


def kind_of(properties: list[tuple[str, object]]) -> str | None:
    return next((str(value) for name, value in properties if name == "kind"), None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    wrong = []
    for item in items:
        kinds = {mark.name for mark in item.iter_markers()} & LACKS.keys()
        if len(kinds) != 1:
            wrong.append(f"{item.nodeid}: {' and '.join(sorted(kinds)) or 'no kind'}")
            continue
        # Not by way of the keywords: a test's folder may be named "kernel", too.
        item.user_properties.append(("kind", kinds.pop()))
    if wrong:
        kinds_wanted = ", ".join(LACKS)
        raise pytest.UsageError(
            f"each test needs one marker of {kinds_wanted}:\n  " + "\n  ".join(wrong)
        )


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    kind = kind_of(item.user_properties)
    reason = lacks(kind) if kind else None
    if reason is None:
        return
    if in_ci():
        pytest.fail(f"{kind} tests must run in CI: {reason}", pytrace=False)
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in LACKS}
    for outcome in ("passed", "failed", "error", "skipped", "xfailed", "xpassed"):
        for report in terminalreporter.getreports(outcome):
            kind = kind_of(getattr(report, "user_properties", []))
            if kind:
                counts[kind][outcome] += 1
    parts = []
    for kind, count in counts.items():
        if count.keys() == {"skipped"} and lacks(kind):
            parts.append(f"{kind} SKIPPED: {lacks(kind)}")
        else:
            told = ", ".join(f"{number} {outcome}" for outcome, number in count.items())
            parts.append(f"{kind} {told or 'none'}")
    terminalreporter.section("kinds")
    terminalreporter.line("kinds: " + "; ".join(parts))
