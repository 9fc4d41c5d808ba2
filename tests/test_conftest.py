"""The rules about kinds of tests hold: tried on a small suite with the real conftest."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.unit

HERE = Path(__file__).parent
TWO_KINDS = """
    import pytest

    @pytest.mark.unit
    def test_here(): pass

    @pytest.mark.vm
    def test_in_guest(): pass
"""


@pytest.fixture
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    pytester.makeconftest((HERE / "conftest.py").read_text())
    pytester.makepyprojecttoml((HERE.parent / "pyproject.toml").read_text())
    monkeypatch.setenv("PATH", "")  # none of the lab's tools
    monkeypatch.delenv("CI", raising=False)
    return pytester


def test_unmet_need_skips_and_says_why(suite: pytest.Pytester) -> None:
    suite.makepyfile(TWO_KINDS)
    result = suite.runpytest_subprocess(".")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["kinds: unit 1 passed; kernel none; vm SKIPPED: the lab needs *"])


def test_unmet_need_fails_in_ci(suite: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    suite.makepyfile(TWO_KINDS)
    result = suite.runpytest_subprocess(".")
    result.assert_outcomes(passed=1, errors=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED


def test_test_without_kind_is_refused(suite: pytest.Pytester) -> None:
    suite.makepyfile("def test_of_no_kind(): pass")
    result = suite.runpytest_subprocess(".")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*test_of_no_kind: no kind"])
