"""The text that bcc compiles."""

import re

import pytest

from ktrace.probes.bcc_build import last_error
from ktrace.probes.bcc_program import (
    KPROBES,
    RAW_TRACEPOINTS,
    definitions,
    kernel_functions,
    program_of,
    text,
)
from ktrace.probes.catalog import PURPOSES

pytestmark = pytest.mark.unit


def test_there_is_a_program_for_each_hook() -> None:
    programs = set(re.findall(r"^int (\w+)\(struct", text(), re.MULTILINE))
    assert programs == {program_of(function) for function in (*KPROBES, *RAW_TRACEPOINTS)}
    assert {*KPROBES, *RAW_TRACEPOINTS} <= PURPOSES.keys()


def test_kinds_do_not_clash_with_the_kernels_own() -> None:
    source = text()
    assert source.index("#define TASK_DEAD KTRACE_TASK_DEAD") < source.index("enum event_kind")
    assert "#define OOM_KILL KTRACE_OOM_KILL" in source


def test_definitions_have_the_knobs() -> None:
    flags = definitions(["HAVE_X"], {"stuck_after_ns": 5}, {"bpf_get_stack"})
    assert {"-DHAVE_X", "-DSTUCK_AFTER_NS=5ULL", "-DHAVE_GET_STACK"} <= set(flags)
    assert "-DHAVE_KTIME_GET_BOOT_NS" not in flags


def test_kernel_functions_are_whole_names() -> None:
    assert kernel_functions(["vfs_read", "vfs_rea", "no_such_function"]) == {"vfs_read"}


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("a.c:1: warning: x\na.c:2:3: error: no\nnote\n", "a.c:2:3: error: no"),
        ("bcc: killed\n\n", "bcc: killed"),
        ("", ""),
    ],
)
def test_last_error(said: str, error: str) -> None:
    assert last_error(said) == error
