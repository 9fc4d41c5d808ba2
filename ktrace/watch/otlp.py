"""Findings as OpenTelemetry log records, over HTTP (OTLP), by OpenTelemetry's own libraries.

Headers, certificates and attributes of the machine come from the variables that all its programs
have: OTEL_EXPORTER_OTLP_HEADERS, OTEL_RESOURCE_ATTRIBUTES and others.
"""

import json
import logging
import threading
import time
from collections.abc import Sequence
from typing import Any

from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExportResult
from opentelemetry.sdk.resources import Resource

import ktrace
from ktrace.findings import Finding, finding_to_json
from ktrace.views.finding_text import finding_line
from ktrace.views.safe_text import safe
from ktrace.watch.fields import fields_of

_QUEUE = 1024  # findings that wait; more are lost, and counted
_EVERY_MS = 1000
_TIMEOUT_S = 5
_STACK = 512 << 10  # of its thread: all of it is locked into memory
_SEVERITY = {"open": SeverityNumber.WARN, "update": SeverityNumber.INFO}


class Otlp:
    """Sends in a thread of its own, which begins with the first finding: by then privileges are
    given up. lost: findings that were not taken; those that the queue had no room for are counted
    at the end."""

    name = "the OTLP endpoint"

    def __init__(self, url: str) -> None:
        """url: of a collector, http://HOST:4318."""
        logging.getLogger("opentelemetry").propagate = False  # it is counted, and told once
        self._exporter = _CountingExporter(
            endpoint=f"{url.rstrip('/')}/v1/logs", timeout=_TIMEOUT_S
        )
        self._provider: LoggerProvider | None = None
        self._told = 0
        self._closed = False

    @property
    def lost(self) -> int:
        exporter = self._exporter
        return self._told - exporter.taken if self._closed else exporter.refused

    def tell(self, finding: Finding) -> None:
        self._provider = self._provider or self._begin()
        record = finding_to_json(finding)
        now = time.time_ns()
        self._told += 1
        self._provider.get_logger("ktrace", ktrace.__version__).emit(
            timestamp=now,
            observed_timestamp=now,
            severity_number=_SEVERITY.get(finding.status, SeverityNumber.INFO),
            body=safe(finding_line(finding)),
            attributes=_attributes(record),
            event_name=f"ktrace.{finding.finding}",
        )

    def close(self) -> None:
        """What waits is sent, for a few seconds."""
        if self._provider is not None and not self._closed:
            self._provider.shutdown()
        self._closed = True

    def _begin(self) -> LoggerProvider:
        provider = LoggerProvider(
            Resource.create({"service.name": "ktrace", "service.version": ktrace.__version__}),
            shutdown_on_exit=False,
        )
        before = threading.stack_size(_STACK)
        try:
            processor = BatchLogRecordProcessor(
                self._exporter, schedule_delay_millis=_EVERY_MS, max_queue_size=_QUEUE
            )
        finally:
            threading.stack_size(before)
        provider.add_log_record_processor(processor)
        return provider


class _CountingExporter(OTLPLogExporter):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.taken = self.refused = 0

    def export(self, batch: Sequence[Any]) -> LogRecordExportResult:
        result = super().export(batch)
        if result is LogRecordExportResult.SUCCESS:
            self.taken += len(batch)
        else:
            self.refused += len(batch)
        return result


def _attributes(record: dict[str, Any]) -> dict[str, Any]:
    found = {f"ktrace.{name}": value for name, value in fields_of(record).items()}
    found["ktrace.finding"] = json.dumps(record, separators=(",", ":"))
    return found
