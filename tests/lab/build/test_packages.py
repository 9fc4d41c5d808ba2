"""How the lab reads apt's answers, and finds a kernel in an unpacked package."""

from pathlib import Path

import pytest

from ktrace.lab.arch import AMD64
from ktrace.lab.build import packages
from ktrace.lab.errors import LabError

pytestmark = pytest.mark.unit

POLICY = """\
linux-image-cloud-amd64:
  Installed: (none)
  Candidate: 6.1.192-2
  Version table:
     6.1.192-2 500
        500 http://archive.example/debian-security bookworm-security/main amd64 Packages
"""
DEPENDS = """\
linux-image-cloud-amd64
  Depends: linux-image-6.1.0-56-cloud-amd64
"""


def test_candidate_of_a_known_package() -> None:
    assert packages.candidate(POLICY) == "6.1.192-2"


@pytest.mark.parametrize(
    "policy",
    ["", "N: Unable to locate package nothing\n", "x:\n  Installed: (none)\n  Candidate: (none)\n"],
)
def test_no_candidate(policy: str) -> None:
    assert packages.candidate(policy) is None


def test_image_package_of_the_metapackage() -> None:
    assert packages.image_package(DEPENDS) == "linux-image-6.1.0-56-cloud-amd64"


def test_image_package_is_not_a_recommendation_nor_another_package() -> None:
    text = "m\n  Depends: libc6\n  Recommends: linux-image-1\n |Depends: linux-image-2\n"
    assert packages.image_package(text) == "linux-image-2"
    assert packages.image_package("m\n  Depends: libc6\n") is None


@pytest.mark.parametrize("parent", ["lib/modules", "usr/lib/modules"])
def test_unpacked_kernel(tmp_path: Path, parent: str) -> None:
    modules = tmp_path / parent / "6.1.0-1-cloud-amd64"
    modules.mkdir(parents=True)
    image = tmp_path / "boot" / "vmlinuz-6.1.0-1-cloud-amd64"
    image.parent.mkdir()
    image.touch()
    kernel = packages.unpacked_kernel(tmp_path)
    assert kernel == packages.Kernel(image, modules)
    assert kernel.release == "6.1.0-1-cloud-amd64"


def test_no_kernel_in_the_package(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no kernel"):
        packages.unpacked_kernel(tmp_path)


def test_a_cached_kernel_needs_no_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = tmp_path / "kernels" / AMD64.metapackage
    (tree / "lib/modules/6.1").mkdir(parents=True)
    (tree / "boot").mkdir()
    (tree / "boot/vmlinuz-6.1").touch()
    monkeypatch.setenv("PATH", "")
    assert packages.debian_kernel(tmp_path).release == "6.1"


# apt-cache depends linux-image-7.2.13+deb14-cloud-amd64, sid in November 2026
SPLIT = """\
linux-image-7.2.13+deb14-cloud-amd64
  PreDepends: linux-base
 |Depends: dracut
  Depends: <linux-initramfs-tool>
    dracut
  Depends: linux-base-7.2.13+deb14-cloud-amd64
  Depends: linux-binary-7.2.13+deb14-cloud-amd64
  Depends: linux-modules-7.2.13+deb14-cloud-amd64
  Recommends: apparmor
"""


def test_a_kernel_in_several_packages() -> None:
    release = "7.2.13+deb14-cloud-amd64"
    assert packages.image_parts(f"linux-image-{release}", SPLIT) == [
        f"linux-base-{release}",
        f"linux-binary-{release}",
        f"linux-modules-{release}",
    ]
    assert packages.image_parts("linux-image-6.1.0-56-cloud-amd64", "  Depends: linux-base\n") == []
