"""A kernel that lacks what a guest needs is told so before it is booted."""

from dataclasses import replace
from pathlib import Path

import pytest

from ktrace.errors import UsageError
from ktrace.lab.arch import AMD64, ARM64
from ktrace.lab.build.kernel_config import GUEST, TRACER, check_config, find_config, missing_options
from ktrace.lab.build.packages import Kernel

pytestmark = pytest.mark.unit

_OPTIONS = (*GUEST, *TRACER, "DEBUG_INFO_BTF", "SQUASHFS", AMD64.console_option)
WHOLE = "".join(f"CONFIG_{option}=y\n" for option in _OPTIONS)


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    (tmp_path / "boot").mkdir()
    modules = tmp_path / "lib" / "modules" / "6.1.0-own"
    modules.mkdir(parents=True)
    return Kernel(tmp_path / "boot" / "vmlinuz-6.1.0-own", modules)


def test_missing_options() -> None:
    config = "CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=n\nCONFIG_EE=y\n"
    assert missing_options(config, ["A", "B", "C", "D", "E"]) == ["C", "D", "E"]


def test_of_a_package(kernel: Kernel) -> None:
    config = kernel.image.with_name("config-6.1.0-own")
    config.write_text(WHOLE)
    assert find_config(kernel) == config
    check_config(kernel, ["squashfs"])


def test_of_a_build_tree(tmp_path: Path) -> None:
    image = tmp_path / "arch" / "x86" / "boot" / "bzImage"
    image.parent.mkdir(parents=True)
    (tmp_path / ".config").write_text(WHOLE)
    assert find_config(Kernel(image, tmp_path / "modules")) == tmp_path / ".config"


def test_every_missing_option_is_named(kernel: Kernel) -> None:
    kernel.image.with_name("config-6.1.0-own").write_text(
        WHOLE.replace("CONFIG_SQUASHFS=y", "# CONFIG_SQUASHFS is not set").replace(
            "CONFIG_VIRTIO_BLK=y\n", ""
        )
    )
    with pytest.raises(UsageError, match="lacks 2 options") as raised:
        check_config(kernel, ["squashfs"])
    assert raised.value.hint == "set in its .config: CONFIG_VIRTIO_BLK=y CONFIG_SQUASHFS=y"
    with pytest.raises(UsageError, match="lacks 1 option "):
        check_config(kernel, [])


def test_the_console_is_that_of_the_architecture(kernel: Kernel) -> None:
    kernel.image.with_name("config-6.1.0-own").write_text(WHOLE)
    with pytest.raises(UsageError) as raised:
        check_config(replace(kernel, arch=ARM64), [])
    assert raised.value.hint == "set in its .config: CONFIG_SERIAL_AMBA_PL011_CONSOLE=y"


def test_without_a_config_it_is_booted(kernel: Kernel) -> None:
    assert find_config(kernel) is None
    check_config(kernel, ["squashfs"])
