"""ktrace receive: the other end of -o tcp:HOST:PORT."""

import socket

import click

from ktrace.errors import ExitCode, UsageError
from ktrace.live.stop import Stop
from ktrace.trace.connection import parse_place
from ktrace.trace.output import EXISTS
from ktrace.trace.receiver import Receiver, accept_trace
from ktrace.trace.writer_process import WriterProcess
from ktrace.views.output import complain

_OPEN_S = 10.0
_EMPTY_S = 1.0


@click.command("receive")
@click.argument("place", metavar="[HOST:]PORT")
@click.option(
    *("-o", "--output", "file"),
    type=click.Path(),
    required=True,
    metavar="FILE",
    help="Write the trace into a new file, which only its owner can read.",
)
@click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
def receive(place: str, file: str, force: bool) -> ExitCode:
    """Receive a trace that a ktrace elsewhere records with -o tcp:HOST:PORT.

    The sender's machine may die: what has come is on the disk at least once a second. Without HOST
    only this machine can send. Nobody is asked for a password and nothing is encrypted: use a
    network that you trust, or a tunnel (ssh -R 7000:localhost:7000).
    """
    stop = Stop()
    stop.listen()
    with _listen(place) as listener:
        process = _open(file, force)
        complain(f"waiting for a trace on {_name(listener)}; Ctrl-C stops")
        connection = accept_trace(listener, stop.now)
    receiver = Receiver(process)
    if connection is None:
        process.end()
        process.wait(_EMPTY_S, "done")
        process.leave()
        complain(f"no trace came; {file} is empty")
        return ExitCode.INCONCLUSIVE
    complain(f"receiving from {connection.getpeername()[0]}")
    receiver.run(connection, stop.now)
    process.leave()
    complain(f"{receiver.bytes} bytes in {file}")
    if receiver.complete:
        return ExitCode.CLEAN
    complain(f"the trace has no end: {receiver.why}; ktrace report shows what has come")
    return ExitCode.INCONCLUSIVE


def _listen(place: str) -> socket.socket:
    try:
        host, port = parse_place(place)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=4)
    except OSError as error:
        raise UsageError(f"cannot listen on {place}: {error.strerror or error}") from None


def _open(file: str, force: bool) -> WriterProcess:
    process = WriterProcess()
    process.write_to(file, force=force, packed=False)
    process.wait(_OPEN_S, "open")
    if process.state == "refused" and process.why == EXISTS:
        raise UsageError(f"{file} exists", hint="--force overwrites it")
    if process.state != "open":
        why = process.why or "its file system does not answer"
        raise UsageError(f"cannot write {file}: {why}")
    return process


def _name(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
