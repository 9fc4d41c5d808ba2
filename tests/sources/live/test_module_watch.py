"""When a live source looks for modules."""

import math

import pytest

from ktrace.sources.live import module_watch
from ktrace.sources.live.module_watch import OFTEN_S, ModuleWatch

pytestmark = pytest.mark.unit


class News:
    fd: int | None = 3
    told = False

    def read(self) -> bool:
        told, self.told = self.told, False
        return told


@pytest.fixture
def news(monkeypatch: pytest.MonkeyPatch) -> News:
    made = News()
    monkeypatch.setattr(module_watch, "ModuleNews", lambda: made)
    return made


def test_once_a_second_while_the_kernel_tells_nothing(news: News) -> None:
    watch = ModuleWatch()
    assert watch.due(100.0, second=False)  # what came while ktrace attached
    assert watch.next_look == math.inf
    assert not watch.due(100.5, second=False)
    assert watch.due(101.0, second=True)
    assert watch.next_look == math.inf


def test_often_when_it_tells_of_one(news: News) -> None:
    """Not at once, even if a second has just passed: the module may not be ready yet."""
    watch = ModuleWatch()
    watch.due(100.0, second=False)
    news.told = True
    assert not watch.due(100.3, second=True)
    assert watch.next_look == 100.3 + OFTEN_S
    looks = []
    while watch.next_look < math.inf:
        t = watch.next_look
        assert watch.due(t, second=False)
        looks.append(t)
    assert len(looks) >= 10
    assert looks[-1] == pytest.approx(102.3, abs=OFTEN_S)


def test_news_upon_news_put_no_look_off(news: News) -> None:
    watch = ModuleWatch()
    watch.due(100.0, second=False)
    for t in (100.30, 100.35, 100.45):
        news.told = True
        assert not watch.due(t, second=False)
    news.told = True
    assert watch.due(100.5, second=False)


def test_often_where_it_tells_nothing_ever(news: News) -> None:
    news.fd = None
    watch = ModuleWatch()
    watch.due(100.0, second=False)
    assert watch.next_look == 100.0 + OFTEN_S
    assert not watch.due(100.1, second=False)
    assert watch.due(100.2, second=False)
