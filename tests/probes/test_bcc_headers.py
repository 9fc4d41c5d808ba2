"""Headers are the running kernel's, or refused."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from ktrace.errors import CannotTrace
from ktrace.probes.bcc_headers import find_headers, macros_of_headers

pytestmark = pytest.mark.unit

RELEASE = "5.4.1-embedded"
NEW_SWITCH = (
    "TRACE_EVENT(sched_switch,\n\n\tTP_PROTO(bool preempt,\n\t\t struct task_struct *prev,\n"
    "\t\t struct task_struct *next,\n\t\t unsigned int prev_state),\n"
)
OLD_SWITCH = NEW_SWITCH.replace(",\n\t\t unsigned int prev_state", "")


def write(tree: Path, name: str, text: str) -> None:
    path = tree / "include" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def headers_of(tree: Path, release: str) -> None:
    write(tree, "generated/utsrelease.h", f'#define UTS_RELEASE "{release}"\n')


def find(tmp_path: Path) -> object:
    return find_headers(
        RELEASE, str(tmp_path / "modules"), str(tmp_path / "kheaders"), str(tmp_path / "btf")
    )


def test_the_kernels_own_headers_are_found_where_proc_looks_itself(tmp_path: Path) -> None:
    build = tmp_path / "modules" / RELEASE / "build"
    headers_of(build, RELEASE)
    found = find_headers(RELEASE, str(tmp_path / "modules"))
    assert (found.origin, found.kernel_source) == (str(build), None)


@pytest.mark.parametrize("theirs", ["5.4.1", "5.4.1-embedded2", "6.1.0-56-cloud-amd64"])
def test_another_kernels_headers_are_refused(theirs: str, tmp_path: Path) -> None:
    headers_of(tmp_path / "modules" / RELEASE / "build", theirs)
    with pytest.raises(CannotTrace) as raised:
        find(tmp_path)
    assert theirs in str(raised.value)
    assert RELEASE in str(raised.value)
    assert "linux-headers" in raised.value.hint


def test_headers_that_do_not_say_of_what_are_refused(tmp_path: Path) -> None:
    (tmp_path / "modules" / RELEASE / "build").mkdir(parents=True)
    with pytest.raises(CannotTrace, match="do not say"):
        find(tmp_path)


def test_without_any_headers(tmp_path: Path) -> None:
    with pytest.raises(CannotTrace, match="there are none"):
        find(tmp_path)


def kheaders(path: Path, release: str) -> None:
    data = f'#define UTS_RELEASE "{release}"\n'.encode()
    with tarfile.open(path, "w:xz") as archive:
        member = tarfile.TarInfo("./include/generated/utsrelease.h")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))


def test_kheaders_are_unpacked_checked_and_dropped(tmp_path: Path) -> None:
    kheaders(tmp_path / "kheaders", RELEASE)
    found = find_headers(RELEASE, str(tmp_path), str(tmp_path / "kheaders"))
    assert found.kernel_source
    assert Path(found.kernel_source, "include/generated/utsrelease.h").exists()
    found.drop()
    assert not Path(found.kernel_source).exists()
    kheaders(tmp_path / "kheaders", "6.1")
    with pytest.raises(CannotTrace, match="garbage"):
        find(tmp_path)
    (tmp_path / "kheaders").write_bytes(b"no archive")
    with pytest.raises(CannotTrace, match="cannot unpack"):
        find(tmp_path)


def test_macros_follow_the_text(tmp_path: Path) -> None:
    write(tmp_path, "linux/sched.h", "struct task_struct {\n\tunsigned int\t__state;\n};\n")
    write(tmp_path, "trace/events/sched.h", NEW_SWITCH)
    write(tmp_path, "trace/events/oom.h", "TRACE_EVENT(mark_victim,\n\tTP_PROTO(int pid),\n")
    write(tmp_path, "generated/autoconf.h", "#define CONFIG_SMP 1\n#define CONFIG_MEMCG_V1 1\n")
    assert set(macros_of_headers([tmp_path])) == {
        "HAVE_TASK___STATE",
        "HAVE_SWITCH_PREV_STATE",
        "HAVE_TASK_ON_CPU",
    }
    write(tmp_path, "trace/events/sched.h", OLD_SWITCH + "TP_printk(prev_state)")
    assert "HAVE_SWITCH_PREV_STATE" not in macros_of_headers([tmp_path])


def test_split_headers_are_both_read(tmp_path: Path) -> None:
    write(tmp_path / "build", "generated/autoconf.h", "#define CONFIG_MEMCG 1\n")
    write(tmp_path / "source", "linux/kernfs.h", "struct kernfs_node __rcu *__parent;\n")
    assert set(macros_of_headers([tmp_path / "build", tmp_path / "source"])) == {
        "HAVE_MEMCG",
        "HAVE_KERNFS___PARENT",
    }
