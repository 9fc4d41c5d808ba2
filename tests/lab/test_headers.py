"""Which packages the guest's kernel headers are in."""

import pytest

from ktrace.lab.bcc_tree import without_btf
from ktrace.lab.headers import common_packages

pytestmark = pytest.mark.unit

# apt-cache depends linux-headers-6.1.0-56-cloud-amd64, Debian 12
DEPENDS = """\
linux-headers-6.1.0-56-cloud-amd64
  Depends: linux-headers-6.1.0-56-common
  Depends: linux-image-6.1.0-56-cloud-amd64
 |Depends: linux-image-6.1.0-56-cloud-amd64-unsigned
  Depends: linux-kbuild-6.1
  Depends: linux-compiler-gcc-12-x86
"""


def test_common_headers_are_named_by_the_package() -> None:
    assert common_packages(DEPENDS) == ["linux-headers-6.1.0-56-common"]


def test_btf_is_hidden_before_ktrace_starts() -> None:
    command = without_btf(("python3", "-m", "ktrace"))
    assert command[:2] == ("sh", "-c")
    assert "/sys/kernel/btf && exec" in command[2]
    assert command[4:] == ("python3", "-m", "ktrace")
