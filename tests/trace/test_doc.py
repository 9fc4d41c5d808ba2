"""The jq examples of docs/trace-format.md, on the sample trace."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.trace.samples import RECORDS, write

pytestmark = pytest.mark.unit

PAGE = Path(__file__).parents[2] / "docs" / "trace-format.md"
EXPECTED = [
    "appd\t381\tuninterruptible\t1.25\n",
    "1 squashfs_cache_get+0x323 [squashfs] < squashfs_readahead+0x12 [squashfs]\n",
]


@pytest.mark.skipif(shutil.which("jq") is None, reason="no jq")
def test_the_jq_examples_work(tmp_path: Path) -> None:
    write(tmp_path / "hang.ktrace", RECORDS)
    examples = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    out = [
        subprocess.run(
            ["sh", "-c", example], cwd=tmp_path, check=True, stdout=subprocess.PIPE
        ).stdout.decode()
        for example in examples
    ]
    assert out == EXPECTED
