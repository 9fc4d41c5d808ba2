"""ktrace.kernel.wait_functions: which frames are the scheduler's own."""

import pytest

from ktrace.kernel.wait_functions import is_scheduler

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("function", "own"),
    [
        ("__schedule", True),
        ("io_schedule_timeout", True),
        ("__sched_text_start", True),  # Debian's armhf 6.1: at the address of io_schedule_timeout()
        ("squashfs_cache_get", False),
        ("reschedule_work", False),
    ],
)
def test_functions_of_the_scheduler(function: str, own: bool) -> None:
    assert is_scheduler(function) is own
