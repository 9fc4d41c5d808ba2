"""Findings as OpenTelemetry log records, as a collector receives them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from ktrace.findings import finding_to_json
from ktrace.watch.otlp import Otlp
from tests.trace.samples import FINDING

pytestmark = pytest.mark.unit


@contextmanager
def collector(status: int) -> Iterator[tuple[str, list[Any]]]:
    """Its URL, and the log records that came. It answers each request with status."""
    records: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = ExportLogsServiceRequest()
            request.ParseFromString(self.rfile.read(int(self.headers["Content-Length"])))
            assert self.path == "/v1/logs"
            for resource in request.resource_logs:
                for scope in resource.scope_logs:
                    records.extend((resource.resource, record) for record in scope.log_records)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", records
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def attributes(of: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in of.attributes}


def test_a_finding_is_a_log_record() -> None:
    told = replace(FINDING, comm="appd\x1b[31m", unit="app.service")
    with collector(200) as (url, records):
        otlp = Otlp(url)
        otlp.tell(told)
        otlp.close()
    ((resource, record),) = records
    assert attributes(resource)["service.name"] == "ktrace"
    assert "resolved: appd" in record.body.string_value
    assert "\x1b" not in record.body.string_value
    found = attributes(record)
    assert found["ktrace.kind"] == "stuck-task"
    assert found["ktrace.unit"] == "app.service"
    assert found["ktrace.pid"] == told.pid
    assert json.loads(found["ktrace.finding"]) == json.loads(json.dumps(finding_to_json(told)))
    assert otlp.lost == 0


def test_what_is_not_taken_is_counted() -> None:
    with collector(400) as (url, records):
        otlp = Otlp(url)
        for _ in range(3):
            otlp.tell(FINDING)
        otlp.close()
    assert len(records) == 3
    assert otlp.lost == 3
    otlp.close()  # as a view does that ends and is closed


def test_nothing_told_starts_nothing() -> None:
    before = threading.enumerate()
    otlp = Otlp("http://127.0.0.1:9")
    assert not {*threading.enumerate()} - {*before}
    otlp.close()
    assert otlp.lost == 0
