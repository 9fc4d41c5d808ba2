"""What is built into an agent, and what is said where it cannot be built."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrace.agent import toolchain
from ktrace.agent.embedded import EMBEDDED, source
from ktrace.errors import KtraceError
from ktrace.probes.catalog import PURPOSES
from ktrace.probes.wire import wire
from tests.tracer import ktrace

pytestmark = pytest.mark.unit

OBJECTS = {name: f"/k/{name}.bpf.o" for name in EMBEDDED}


def test_all_objects_and_modules_are_in_it() -> None:
    text = source(OBJECTS, None)
    for path in OBJECTS.values():
        assert f'.incbin \\"{path}\\"' in text
    for function, purpose in PURPOSES.items():
        assert (f'"{function}"' in text) is bool(purpose.module)
    assert f'wire_id[] = "{wire().digest()}"' in text


def test_a_path_that_c_must_not_read_as_it_is() -> None:
    text = source(OBJECTS, '/a "b"\\c')
    assert r".incbin \"/a \\\"b\\\"\\\\c\"" in text


def test_a_compiler_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain.shutil, "which", lambda name: None)
    with pytest.raises(KtraceError, match="no arm-linux-gnueabihf-gcc") as caught:
        toolchain.toolchain("armhf")
    assert "gcc-arm-linux-gnueabihf" in caught.value.hint


def test_types_that_are_not_there(tmp_path: Path) -> None:
    output = str(tmp_path / "agent")
    done = ktrace("agent", "build", "--arch", "amd64", "--btf", "/none", "-o", output)
    assert done.returncode == 2
    assert "there is no file /none" in done.stderr
