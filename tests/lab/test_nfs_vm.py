"""An NFS server that accepts and never answers: who mounts from it waits for an RPC."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from ktrace.lab.guest.tracer import ENVIRONMENT, KTRACE, ktrace_command
from ktrace.lab.runner import run_scenario
from ktrace.lab.scenario import Scenario, Stage, Step

pytestmark = pytest.mark.vm

_MODULES = ("sunrpc", "nfs", "nfsv4")
_NEEDED = "lockd grace nfs_acl netfs fscache dns_resolver nfs_ssc"
# each after what it needs, in whatever order that is
_INSERT = "insmod /modules/$m.ko 2>/dev/null"
_ROUND = f"for m in {_NEEDED} {' '.join(_MODULES)}; do {_INSERT}; done"
_LOAD = f"for i in 1 2 3 4; do {_ROUND}; done; grep -q nfs4 /proc/filesystems"
# what is sent there stays in the socket: nobody accepts the connection
_SERVER = "import socket, time; s = socket.create_server(('127.0.0.1', 2049)); time.sleep(600)"
_LISTEN = f'mkdir -p /run/mnt; python3 -c "{_SERVER}" >/dev/null 2>&1 </dev/null &'
_LISTENS = "grep -q ':0801 00000000:0000 0A' /proc/net/tcp"  # TCP_LISTEN
_OPTIONS = "vers=4.1,proto=tcp,addr=127.0.0.1,clientaddr=127.0.0.1"
_MOUNT = f"mount -i -t nfs4 -o {_OPTIONS} 127.0.0.1:/ /run/mnt >/run/mount.log 2>&1 </dev/null &"


def test_the_server_of_a_request_that_is_not_answered(tmp_path: Path) -> None:
    said: list[str] = []

    def mount(stage: Stage) -> None:
        stage.guest.check(_LOAD)
        stage.guest.check(_LISTEN)
        stage.guest.wait(_LISTENS)
        stage.guest.check(_MOUNT)
        stage.guest.wait("grep -q rpc_wait_bit_killable /proc/$(pidof mount)/stack")

    def look(stage: Stage) -> None:
        stuck = shlex.join(["env", *ENVIRONMENT, *KTRACE, "stuck", "--json", "--longer-than", "1"])
        said.extend(stage.guest.run(stuck).output.splitlines())

    scenario = Scenario(
        name="nfs",
        summary="a mount from an NFS server that does not answer",
        command=ktrace_command("oom-hang"),
        modules=_MODULES,
        disks=lambda _cache, _arch: (),
        steps=(Step("mount", mount), Step("look", look)),
    )
    run_scenario(scenario, output=tmp_path / "nfs.ktrace")
    records = [json.loads(line) for line in said]
    (found,) = [r for r in records if r.get("finding") == "blocked-task" and r["comm"] == "mount"]
    assert found["waits_for"]["kind"] == "nfs"
    said_of_it = found["waits_for"]["detail"]
    # the first request of a client asks whether somebody is there, and has no name
    assert said_of_it.startswith("a request to 127.0.0.1, soft, for ")
    assert said_of_it.endswith(" s or more")
    assert found["release"]["command"] == "umount -f MOUNTPOINT"
