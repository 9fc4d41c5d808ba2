"""The protocol between the host and the agent in the guest."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from ktrace.lab.errors import GuestDied, GuestTimeout
from ktrace.lab.guest.control import Answer, Control

pytestmark = pytest.mark.unit

Pair = tuple[Control, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    near, far = socket.socketpair()
    with near, far:
        yield Control(near), far


def answering(far: socket.socket, answers: list[bytes]) -> Callable[[], None]:
    """An agent that answers the first commands it gets; the function waits for its end."""

    def run() -> None:
        for answer in answers:
            far.recv(65536)
            far.sendall(answer)

    thread = threading.Thread(target=run)
    thread.start()
    return thread.join


def test_output_and_status(pair: Pair) -> None:
    control, far = pair
    done = answering(far, [b"one\ntwo\n\n#done 1 3\n", b"\n#done 2 0\n"])
    assert control.run("first", 5) == Answer("one\ntwo\n", 3)
    assert control.run("second", 5) == Answer("", 0)
    done()


def test_the_command_goes_out_with_its_number(pair: Pair) -> None:
    control, far = pair
    far.sendall(b"\n#done 1 0\n")
    control.run("echo hello", 5)
    assert far.recv(100) == b"1 echo hello\n"


def test_output_that_looks_like_another_answer(pair: Pair) -> None:
    control, far = pair
    far.sendall(b"#done 1 5 and more\nxx #done 1 7\n\n#done 1 0\n")
    answer = control.run("tricky", 5)
    assert answer == Answer("#done 1 5 and more\nxx #done 1 7\n", 0)


def test_late_answers_are_dropped(pair: Pair) -> None:
    control, far = pair
    with pytest.raises(GuestTimeout, match="slow"):
        control.run("slow", 0.01)
    far.sendall(b"late\n\n#done 1 0\nfresh\n\n#done 2 0\n")
    assert control.run("next", 5) == Answer("fresh\n", 0)


def test_ready(pair: Pair) -> None:
    control, far = pair
    far.sendall(b"#rea")
    with pytest.raises(GuestTimeout, match="did not come up"):
        control.wait_ready(0.01)
    far.sendall(b"dy\n")
    control.wait_ready(5)


def test_a_dead_guest(pair: Pair) -> None:
    control, far = pair
    far.close()
    with pytest.raises(GuestDied):
        control.wait_ready(5)
    with pytest.raises(GuestDied):
        control.run("true", 5)


def test_commands_are_single_lines(pair: Pair) -> None:
    control, _ = pair
    with pytest.raises(ValueError, match="one line"):
        control.run("a\nb", 5)


def test_bytes_that_are_no_utf8(pair: Pair) -> None:
    control, far = pair
    far.sendall(b"\xff\n#done 1 0\n")
    assert control.run("x", 5).output == "\ufffd"
