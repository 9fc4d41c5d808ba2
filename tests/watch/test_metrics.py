"""Metrics: what they say, and that a real Prometheus can read them."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import quote

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from ktrace.detectors.analysis import Analysis
from ktrace.errors import UsageError
from ktrace.events import Event, Task
from ktrace.findings import Finding, Probe
from ktrace.views.lines import LinesView
from ktrace.watch.metrics import Metrics
from ktrace.watch.notify import Notifier
from ktrace.watch.view import WatchView
from tests.factories import APP, SHELL, dead, exited, kill, oom_victim, session, state, walk
from tests.trace.test_writer import Disk
from tests.trace.test_writer import disk as disk

pytestmark = pytest.mark.unit
EXAMPLES = Path(__file__).parents[2] / "examples" / "watch"
SHORT = Task(30, 30, "short")
STORY: list[Event] = [
    kill(101.0, SHORT),
    exited(101.01, SHORT),
    dead(101.02, SHORT),
    kill(102.0, APP, SHELL, 128),
    oom_victim(102.001),
    state(104.0),
    walk(104.1, 0.2),
]


class Run:
    def __init__(self, where: str, **changes: object) -> None:
        self.analysis = Analysis(session(command="watch", **changes))
        self.metrics = Metrics(where)

    def feed(self, *events: Event) -> list[Finding]:
        found = []
        for event in events:
            new = self.analysis.feed(event)
            self.metrics.event(self.analysis, new)
            found += new
        return found

    def values(self) -> dict[str, float]:
        """By name and labels."""
        return values_of(generate_latest(self.metrics.registry).decode())


def values_of(text: str) -> dict[str, float]:
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


@pytest.fixture
def run() -> Iterator[Run]:
    made = Run("0", blocked_after=60.0)
    yield made
    made.metrics.close()


def test_a_story(run: Run) -> None:
    run.feed(*STORY)
    for t in (104.1, 105.1, 107.1):
        run.metrics.tick(run.analysis, t)
    values = run.values()
    assert values["ktrace_stuck_tasks"] == 1
    assert values["ktrace_blocked_tasks"] == 0
    assert values["ktrace_kills_total"] == 2
    assert values["ktrace_findings_total{finding=stuck-task}"] == 1
    assert values["ktrace_oom_kills_total{policy=kernel}"] == 1
    assert values["ktrace_stuck_seconds_total{function=squashfs_cache_get}"] == pytest.approx(3.0)
    assert values["ktrace_death_seconds_count"] == 1
    assert values["ktrace_death_seconds_sum"] == pytest.approx(0.02)
    assert values["ktrace_memory_freed_seconds_sum"] == pytest.approx(0.01)
    assert values["ktrace_lost_events_total{what=any}"] == 0
    run.feed(exited(108.0), dead(108.1))
    run.metrics.tick(run.analysis, 108.1)
    assert run.values()["ktrace_stuck_tasks"] == 0
    assert run.values()["ktrace_death_seconds_count"] == 2


def test_what_is_not_measured_has_no_sample(run: Run) -> None:
    run.metrics.tick(run.analysis, 101.0)
    assert "ktrace_oom_calls_total" not in run.values()  # no probe on out_of_memory()
    assert "ktrace_bad_pages_total" not in run.values()
    blind = Run("0", probes=(Probe("task", "", "missing"),))
    blind.metrics.tick(blind.analysis, 101.0)
    assert not {"ktrace_stuck_tasks", "ktrace_blocked_tasks"} & blind.values().keys()
    assert blind.values()["ktrace_missing_probes"] == 1
    blind.metrics.close()


@pytest.mark.parametrize("where", ["99999", "x", "1.2.3.4:", "nowhere.invalid:0x1"])
def test_where_nobody_can_listen(where: str) -> None:
    with pytest.raises(UsageError):
        Metrics(where)


def test_a_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match="cannot listen"):
            Metrics(str(port))


def test_it_listens_on_loopback_alone(run: Run) -> None:
    run.metrics.tick(run.analysis, 101.0)
    assert run.metrics.address[0] == "127.0.0.1"
    assert scraped(run)["ktrace_stuck_tasks"] == 0


def scraped(run: Run) -> dict[str, float]:
    host, port = run.metrics.address
    with urllib.request.urlopen(f"http://{host}:{port}/metrics", timeout=30) as answer:
        return values_of(answer.read().decode())


def test_a_client_that_says_nothing_holds_up_no_run(run: Run) -> None:
    run.metrics.tick(run.analysis, 101.0)
    with socket.create_connection(run.metrics.address):
        run.feed(*STORY)
        run.metrics.tick(run.analysis, 104.1)
    assert scraped(run)["ktrace_stuck_tasks"] == 1


def test_a_file_for_node_exporter(tmp_path: Path) -> None:
    path = tmp_path / "ktrace.prom"
    made = Run(str(path))
    made.metrics.tick(made.analysis, 101.0)
    wait_for(path.exists)
    assert values_of(path.read_text())["ktrace_stuck_tasks"] == 0
    made.feed(*STORY)
    made.metrics.tick(made.analysis, 104.1)  # too early for another one
    made.metrics.tick(made.analysis, 120.0)
    wait_for(lambda: values_of(path.read_text())["ktrace_stuck_tasks"] == 1)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    made.metrics.close()


def test_a_file_that_cannot_be() -> None:
    with pytest.raises(UsageError, match="No such file or directory"):
        Metrics("/nowhere/at/all.prom")


def test_a_file_on_a_full_disk_stays_whole(
    tmp_path: Path, disk: Disk, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ktrace.prom"
    made = Run(str(path))
    view = WatchView(LinesView(), Notifier("", ""), metrics=made.metrics)
    view.start(made.analysis)
    view.tick(101.0)
    wait_for(path.exists)
    before = path.read_text()
    disk.room = 100
    view.tick(120.0)
    wait_for(lambda: made.metrics.failure != "")
    view.tick(121.0)
    view.tick(122.0)
    view.close()
    assert path.read_text() == before
    assert capsys.readouterr().err.count("metrics fail: No space left on device") == 1


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"no {name} here (Debian: prometheus)")
    return found


def test_rules_of_the_example() -> None:
    for check in (
        ["check", "rules", "ktrace-rules.yml"],
        ["test", "rules", "ktrace-rules.test.yml"],
    ):
        done = subprocess.run(
            [tool("promtool"), *check], cwd=EXAMPLES, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def queries() -> list[str]:
    dashboard = json.loads((EXAMPLES / "dashboard.json").read_text())
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def test_metrics_of_rules_and_dashboard_are_those_that_there_are(run: Run) -> None:
    run.feed(*STORY)
    run.metrics.tick(run.analysis, 104.1)
    known = {name.partition("{")[0] for name in run.values()} | {"ktrace_oom_calls_total"}
    text = " ".join(queries()) + (EXAMPLES / "ktrace-rules.yml").read_text()
    used = set(re.findall(r"\bktrace_\w+", text))
    assert used
    assert used <= known


def test_a_real_prometheus(run: Run, tmp_path: Path) -> None:
    """Scrapes, and answers each query of the dashboard."""
    program = tool("prometheus")
    run.feed(*STORY)
    run.metrics.tick(run.analysis, 104.1)
    host, port = run.metrics.address
    config = (EXAMPLES / "prometheus.yml").read_text()
    config = config.replace("127.0.0.1:9733", f"{host}:{port}").replace("15s", "1s")
    (tmp_path / "prometheus.yml").write_text(config)
    shutil.copy(EXAMPLES / "ktrace-rules.yml", tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as free:
        own = free.getsockname()[1]
    server = subprocess.Popen(
        [
            program,
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{own}",
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: asked(own, "ktrace_stuck_tasks") == ["1"])
        assert asked(own, 'up{job="ktrace"}') == ["1"]
        assert asked(own, "ktrace_oom_kills_total") == ["1"]
        for query in queries():
            asked(own, query.replace("$instance", ".*"))
    finally:
        server.terminate()
        server.wait(30)


def asked(port: int, query: str) -> list[str]:
    """Its values; nothing while it does not answer yet."""
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{port}/api/v1/query?query={quote(query)}", timeout=30
        ) as answer:
            result = json.load(answer)
    except HTTPError as error:
        if error.code == 503:
            return []
        raise
    except URLError:
        return []
    assert result["status"] == "success", query
    return [found["value"][1] for found in result["data"]["result"]]
