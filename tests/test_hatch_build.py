"""The build hook: when it compiles, and what it says when it cannot."""

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.unit


@pytest.fixture
def hook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """hatch_build.py, with a small tree of its own as the project."""
    path = Path(__file__).parents[1] / "hatch_build.py"
    spec = importlib.util.spec_from_file_location("hatch_build", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    (tmp_path / "ktrace").mkdir()
    (tmp_path / "bpf").mkdir()
    (tmp_path / "bpf" / "x.bpf.c").touch()
    return module


def age(path: Path, seconds: int) -> None:
    """Let the file be this many seconds older than it is."""
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


def test_architectures(hook: ModuleType) -> None:
    shipped = ["x86", "arm64", "arm"]
    assert hook.architectures("x86_64") == shipped
    assert hook.architectures("riscv64") == [*shipped, "riscv"]
    with pytest.raises(hook.BuildError, match="vax"):
        hook.architectures("vax")


def test_missing_clang_names_the_packages(
    hook: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLANG", "no-such-clang")
    assert hook.main() == 1
    said = capsys.readouterr().err
    assert "no-such-clang is not installed" in said
    assert "apt install clang" in said


def test_stale_when_an_input_is_newer(hook: ModuleType, tmp_path: Path) -> None:
    source, target = tmp_path / "a.c", tmp_path / "a.o"
    source.touch()
    assert hook.is_stale(target, [source])
    target.touch()
    age(source, 10)
    assert not hook.is_stale(target, [source])
    age(target, 20)
    assert hook.is_stale(target, [source])


def test_objects_without_source_go(hook: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "bpf" / "x.bpf.c").unlink()
    left = tmp_path / "ktrace" / "bpf" / "x86" / "gone.bpf.o"
    left.parent.mkdir(parents=True)
    left.touch()
    assert hook.build() == []
    assert not left.exists()


def test_bcc_dialect_travels_as_source(hook: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "bpf" / "x.bpf.c").unlink()
    (tmp_path / "bpf" / "bcc").mkdir()
    (tmp_path / "bpf" / "bcc" / "tasks.c").write_text('#include "../events.h"\n')
    (tmp_path / "bpf" / "events.h").touch()
    hook.build()
    out = tmp_path / "ktrace" / "bpf"
    assert (out / "bcc" / "tasks.c").read_text() == '#include "../events.h"\n'
    assert (out / "events.h").exists()
