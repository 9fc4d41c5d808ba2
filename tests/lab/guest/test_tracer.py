"""How the lab starts ktrace, and knows that it ended in order."""

import pytest

from ktrace.lab.guest.tracer import has_end, ktrace_command

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("trace", "expected"),
    [
        (b'{"kind": "session"}\n{"kind": "end", "verdict": "found"}\n', True),
        (b'{"kind": "end"}', True),
        (b'{"kind": "session"}\n', False),
        (b'{"kind": "session"}\n{"kind": "en', False),
        (b"[]\n", False),
        (b"\xff\0\n", False),
        (b"", False),
    ],
)
def test_has_end(trace: bytes, expected: bool) -> None:
    assert has_end(trace) is expected


def test_ktrace_records_to_the_trace_port() -> None:
    command = ktrace_command("oom-hang", "--stuck-after", "2")
    assert command[:4] == ("python3", "-m", "ktrace", "oom-hang")
    assert command[command.index("--record") + 1] == "/dev/virtio-ports/trace"
