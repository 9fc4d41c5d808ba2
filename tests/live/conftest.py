"""A live run without a kernel; the signals of the test's process are given back."""

import signal
from collections.abc import Iterator

import pytest

from tests.live.fake import FakeRun

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[FakeRun]:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield FakeRun(monkeypatch, capfd)
    for number, handler in before.items():
        signal.signal(number, handler)
