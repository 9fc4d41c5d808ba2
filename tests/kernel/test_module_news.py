"""What the kernel tells of modules."""

import errno
import os
from pathlib import Path

import pytest

from ktrace.kernel import module_news
from ktrace.kernel.module_news import ModuleNews, of_module

UEVENT = Path("/sys/devices/virtual/mem/null/uevent")
MODULES = sorted(Path("/sys/module").glob("*/uevent"))


@pytest.mark.unit
@pytest.mark.parametrize(
    ("message", "is_one"),
    [
        (b"add@/module/squashfs\0ACTION=add\0SUBSYSTEM=module\0", True),
        (b"remove@/module/squashfs\0ACTION=remove\0", True),
        (b"add@/devices/virtual/block/loop0\0ACTION=add\0", False),
        (b"libudev\0\xfe\xed\xca\xfe", False),
        (b"", False),
    ],
)
def test_messages(message: bytes, is_one: bool) -> None:
    assert of_module(message) is is_one


def news_of(monkeypatch: pytest.MonkeyPatch, *answers: bytes | int) -> ModuleNews:
    """answers: messages, and errors of reading."""
    monkeypatch.setattr(module_news, "_open", lambda: os.open(os.devnull, os.O_RDONLY))
    left = [*answers, errno.EAGAIN]

    def read(_fd: int, _size: int) -> bytes:
        answer = left.pop(0)
        if isinstance(answer, int):
            raise OSError(answer, os.strerror(answer))
        return answer

    monkeypatch.setattr("os.read", read)
    return ModuleNews()


@pytest.mark.unit
def test_a_message_among_others(monkeypatch: pytest.MonkeyPatch) -> None:
    news = news_of(monkeypatch, b"add@/devices/x\0", b"add@/module/squashfs\0", b"change@/y\0")
    assert news.read()
    news.close()


@pytest.mark.unit
def test_other_messages_are_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    news = news_of(monkeypatch, b"add@/devices/x\0")
    assert not news.read()
    news.close()


@pytest.mark.unit
def test_lost_messages_may_have_told_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    news = news_of(monkeypatch, errno.ENOBUFS, b"add@/devices/x\0")
    assert news.read()
    assert news.fd is not None
    news.close()


@pytest.mark.unit
def test_a_socket_that_fails_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then modules are looked for often, as where there never was one."""
    news = news_of(monkeypatch, errno.ENOTCONN)
    assert news.read()
    assert news.fd is None
    assert not news.read()


@pytest.mark.kernel
@pytest.mark.skipif(not UEVENT.exists(), reason="the kernel has no /dev/null in sysfs")
def test_the_kernel_s_messages_come() -> None:
    """Asked for, of a device: not every kernel has modules."""
    news = ModuleNews()
    assert news.fd is not None
    os.set_blocking(news.fd, True)
    UEVENT.write_text("change")
    message = os.read(news.fd, 8192)
    while b"/mem/null" not in message:  # others' devices
        message = os.read(news.fd, 8192)
    assert message.startswith(b"change@/devices/virtual/mem/null\0")
    news.close()


@pytest.mark.kernel
@pytest.mark.skipif(not MODULES, reason="this kernel has no modules")
def test_its_messages_of_modules_come() -> None:
    news = ModuleNews()
    MODULES[0].write_text("add")
    assert news.read()
    news.close()
