"""Frames in a stream of which bytes are wrong or missing."""

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrace.sources.agent.frames import MAGIC, MOST_PAYLOAD, FrameReader, FrameType
from tests.sources.agent.streams import frame

pytestmark = pytest.mark.unit

HEADER = Path(__file__).parents[3] / "bpf" / "agent" / "frames.h"
STREAM = [frame(number, 5, b"x" * number) for number in range(20)]


def read(*pieces: bytes) -> tuple[list[int], FrameReader]:
    """The numbers of the frames that are found."""
    reader = FrameReader()
    return [found.number for piece in pieces for found in reader.feed(piece)], reader


def test_the_types_are_those_of_the_header() -> None:
    text = HEADER.read_text()
    names = re.findall(r"^\tFRAME_(\w+)(?: = 1)?,", text, re.MULTILINE)
    assert [kind.name for kind in FrameType] == names
    assert f"FRAME_PAYLOAD {MOST_PAYLOAD}U" in text
    assert f"FRAME_MAGIC {int.from_bytes(MAGIC, 'little'):#x}U" in text


@pytest.mark.parametrize("size", [1, 3, 23, 24, 25, 4096])
def test_whatever_the_pieces_are(size: int) -> None:
    stream = b"".join(STREAM)
    numbers, reader = read(*(stream[at : at + size] for at in range(0, len(stream), size)))
    assert numbers == [*range(20)]
    assert (reader.lost, reader.skipped, reader.torn) == (0, 0, False)


def test_a_flipped_bit_loses_one_frame() -> None:
    for at in range(len(STREAM[5]) * 8):
        bad = bytearray(STREAM[5])
        bad[at // 8] ^= 1 << at % 8
        numbers, reader = read(b"".join([*STREAM[:5], bytes(bad), *STREAM[6:]]))
        assert numbers == [*range(5), *range(6, 20)]
        assert reader.lost == 1


def test_a_frame_that_lacks_its_end() -> None:
    numbers, reader = read(b"".join([*STREAM[:5], STREAM[5][:-2], *STREAM[6:]]))
    assert numbers == [*range(5), *range(6, 20)]
    assert reader.lost == 1


def test_what_comes_before_the_first_frame_is_no_loss() -> None:
    numbers, reader = read(b"login: \r\n" + b"".join(STREAM[7:]))
    assert numbers == [*range(7, 20)]
    assert (reader.lost, reader.skipped) == (0, 9)


def test_an_agent_that_is_started_again() -> None:
    numbers, reader = read(b"".join([*STREAM[:3], *STREAM[:2]]))
    assert numbers == [0, 1, 2, 0, 1]
    assert reader.lost == 1


def test_the_end_of_a_cut_stream_is_torn() -> None:
    _, reader = read(b"".join(STREAM)[:-1])
    assert reader.torn


@given(st.binary(max_size=400))
def test_noise_has_no_frames(noise: bytes) -> None:
    numbers, reader = read(noise)
    assert numbers == []
    assert reader.skipped <= len(noise)


@given(st.integers(min_value=0), st.binary(max_size=60))
def test_noise_in_the_middle(seed: int, noise: bytes) -> None:
    at = random.Random(seed).randrange(1, 19)
    numbers, _ = read(b"".join(STREAM[:at]), noise, b"".join(STREAM[at:]))
    missing = set(range(20)) - set(numbers)
    assert numbers == sorted(numbers)
    # but for the frame whose magic the noise may have begun
    assert missing <= {at}
