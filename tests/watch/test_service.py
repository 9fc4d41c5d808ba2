"""`ktrace watch` as a service: what systemd, Prometheus and a reader of its traces get."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import stuck_tasks
from tests.stuck_tasks import wait_until
from tests.tracer import KTRACE
from tests.watch.test_notify import Manager

pytestmark = pytest.mark.kernel


@dataclass
class Service:
    process: subprocess.Popen[bytes]
    manager: Manager
    heard: list[str]
    port: int

    def hears(self, pattern: str) -> bool:
        """Has systemd been told so, by now?"""
        self.heard += self.manager.heard()
        return any(re.fullmatch(pattern, text) for text in self.heard)

    def metric(self, name: str) -> str:
        url = f"http://127.0.0.1:{self.port}/metrics"
        with urllib.request.urlopen(url, timeout=30) as answer:
            found = re.search(rf"^{name} (.*)$", answer.read().decode(), re.MULTILINE)
        return found[1] if found else ""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    manager = Manager(str(tmp_path / "notify"))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--traces", str(tmp_path / "traces"), "--before", "60s", "--metrics", str(port)]
    environment = os.environ | {
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        "WATCHDOG_USEC": "3000000",
    }
    process = subprocess.Popen([*KTRACE, "watch", *options], env=environment)
    try:
        yield Service(process, manager, [], port)
    finally:
        process.kill()
        process.wait()
        manager.close()


def test_from_start_to_stop(service: Service, tmp_path: Path) -> None:
    wait_until("it has attached", lambda: service.hears("READY=1"))
    wait_until("a sign of life", lambda: service.hears("WATCHDOG=1"))
    assert service.hears("STATUS=0 tasks stuck; since the start 0 findings, lost 0")
    with stuck_tasks.frozen_file_system() as frozen:
        writer = frozen.writer()
        stuck_tasks.kill(writer.pid)
        wait_until("it is stuck", lambda: service.hears("STATUS=1 task stuck; .*"))
        wait_until("a scrape tells so", lambda: service.metric("ktrace_stuck_tasks") == "1.0")
        assert float(service.metric("ktrace_missing_probes")) >= 0
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(stuck_tasks.PATIENCE_S) == 1
    assert service.hears("STOPPING=1")
    (segment,) = (tmp_path / "traces").iterdir()
    records = [json.loads(line) for line in segment.read_text().splitlines()]
    assert records[0]["segment"] == 1
    assert records[-1]["verdict"] == "found"
    found = [record for record in records if record["kind"] == "finding"]
    assert {record["pid"] for record in found} == {writer.pid}
    assert found[-1]["status"] == "resolved"
