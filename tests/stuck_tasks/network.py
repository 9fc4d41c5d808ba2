"""A network device that is removed while somebody uses it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.stuck_tasks.proc import PATIENCE_S, kernel_stack, wait_until
from tests.stuck_tasks.programs import Process, ready_program


@contextmanager
def network_device_in_use() -> Iterator[tuple[Process, str]]:
    """A process that removes a network device to which another one is about to send, which holds a
    reference until it ends; and the device's name."""
    if not shutil.which("ip"):
        pytest.skip("ip is not installed")
    name = f"kt{os.getpid() % 100_000}"
    command = ["ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}p"]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no veth device can be made: {made.stderr.strip()}")
    remover = None
    try:
        for end_of_pair in (name, f"{name}p"):
            subprocess.run(["ip", "link", "set", end_of_pair, "up"], check=True)
        with ready_program("hold_device", name) as sender:
            wait_until("it sends", lambda: "packet_sendmsg" in kernel_stack(sender.pid))
            remover = subprocess.Popen(["ip", "link", "del", name])
            # before it asks for references, it waits once for the callbacks of RCU
            asks = {"msleep", "netdev_run_todo"}
            wait_until("it waits", lambda: asks <= {*kernel_stack(remover.pid)})
            yield remover, name
    finally:
        if remover:
            remover.wait(PATIENCE_S)
        else:
            subprocess.run(["ip", "link", "del", name])
