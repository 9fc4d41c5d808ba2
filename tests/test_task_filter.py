"""Which tasks a filter lets through."""

import pytest

from ktrace.task_filter import TaskFilter

pytestmark = pytest.mark.unit
ID = "4f1c2d3e5a6b7c8d" * 4
DOCKER = f"/system.slice/docker-{ID}.scope"


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        ({"comm": ("appd",)}, True),
        ({"comm": ("app*",)}, True),
        ({"comm": ("app",)}, False),
        ({"comm": ("sh", "appd")}, True),
        ({"pid": (20,)}, True),
        ({"pid": (21,)}, False),
        ({"cgroup": ("/system.slice",)}, True),
        ({"cgroup": ("system.slice/",)}, True),
        ({"cgroup": ("/system",)}, False),
        ({"cgroup": ("/",)}, True),
        ({"unit": (f"docker-{ID}.scope",)}, True),
        ({"unit": ("docker-*.scope",)}, True),
        ({"unit": ("docker",)}, False),  # docker.service
        ({"container": (ID,)}, True),
        ({"container": (ID[:12],)}, True),
        ({"container": ("beef",)}, False),
        ({"comm": ("appd",), "container": ("beef",)}, False),
    ],
)
def test_filter(given: dict[str, tuple[str, ...]], fits: bool) -> None:
    assert TaskFilter(**given).fits(20, "appd", DOCKER) is fits  # type: ignore[arg-type]


def test_an_unknown_cgroup_may_be_the_one() -> None:
    assert TaskFilter(unit=("cron",), comm=("appd",)).fits(20, "appd", None)
    assert not TaskFilter(unit=("cron",), comm=("sh",)).fits(20, "appd", None)


def test_a_unit_needs_no_suffix() -> None:
    assert TaskFilter(unit=("cron",)).fits(1, "cron", "/system.slice/cron.service")


def test_in_words() -> None:
    assert not TaskFilter()
    assert str(TaskFilter(comm=("a", "b"), pid=(3,))) == "--comm a --comm b --pid 3"
