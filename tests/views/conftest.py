import pytest

from tests.views.golden import Golden


@pytest.fixture
def golden() -> Golden:
    return Golden()
