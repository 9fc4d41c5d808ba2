"""examples/fleet: what goes beside `ktrace watch` on each machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from ktrace.cli import cli

EXAMPLES = Path(__file__).parents[2] / "examples" / "fleet"
LIBRARY = Path("/lib/systemd")

# In a mount namespace of its own, whose /run is empty: journald, then the way of a machine's
# journal to another's
JOURNALS = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal /run/log/journal /run/state
{library}/systemd-journald &
until [ -S /run/systemd/journal/socket ]; do sleep 0.05; done
{python} -c '{send}'
{library}/systemd-journal-remote --listen-http=127.0.0.1:{port} --split-mode=none --seal=no \
    --output=/run/remote.journal &
for attempt in $(seq 100); do
    timeout 3 {library}/systemd-journal-upload --url=http://127.0.0.1:{port} \
        --save-state=/run/state/upload || true
    journalctl --no-pager --file=/run/remote.journal KTRACE_KIND=stuck-task -o cat >{told} || true
    [ ! -s {told} ] || break
done
kill $(jobs -p)
wait || true
"""
SEND = """
from ktrace.watch.journal import SOCKET, Journal
from tests.trace.samples import FINDING
journal = Journal(SOCKET)
journal.tell(FINDING)
assert not journal.lost
"""


def manifest() -> dict[str, Any]:
    (pod,) = yaml.safe_load((EXAMPLES / "daemonset.yaml").read_text())["spec"]["template"]["spec"][
        "containers"
    ]
    return dict(pod)


def parsed(arguments: list[str]) -> click.Context:
    command = cli.get_command(click.Context(cli), arguments[0])
    assert command is not None
    return command.make_context(arguments[0], arguments[1:])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.unit
def test_daemonset_has_options_that_ktrace_has() -> None:
    container = manifest()
    context = parsed(container["args"])
    assert context.params["metrics"].endswith(str(container["ports"][0]["containerPort"]))
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert os.path.dirname(context.params["traces"]) in mounted
    assert os.path.dirname(context.params["state"]) in mounted


@pytest.mark.unit
def test_export_service_has_options_that_ktrace_has() -> None:
    unit = ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(EXAMPLES / "export.service")
    _, *arguments = unit["Service"]["ExecStart"].split()
    assert parsed(arguments).params["url"].startswith("s3://")


@pytest.mark.kernel
def test_a_finding_travels_from_journal_to_journal(tmp_path: Path) -> None:
    """Through the real programs: journald, journal-upload, journal-remote."""
    programs = [LIBRARY / f"systemd-journal{name}" for name in ("d", "-upload", "-remote")]
    if not all(map(os.access, programs, [os.X_OK] * 3)) or not shutil.which("journalctl"):
        pytest.skip("no systemd-journal-remote here (Debian: systemd-journal-remote)")
    told = tmp_path / "told"
    script = JOURNALS.format(
        library=LIBRARY, python=sys.executable, send=SEND, port=free_port(), told=told
    )
    done = subprocess.run(
        ["unshare", "--mount", "bash", "-c", script],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.read_text() == "resolved: appd[377/381] dead after 0.5s by SIGKILL\n", done.stderr
