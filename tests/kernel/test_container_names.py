"""Names of containers from their runtimes' state files, as containerd and cri-o write them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ktrace.events import ContainerNames
from ktrace.kernel.container_names import container_names

pytestmark = pytest.mark.unit

ID = "4f1c2d3e5a6b7c8d" * 4
CONTAINERD = f"containerd/io.containerd.runtime.v2.task/k8s.io/{ID}"
CRI_O = f"containers/storage/overlay-containers/{ID}/userdata"
OF_CRI = {
    "io.kubernetes.cri.container-name": "app",
    "io.kubernetes.cri.sandbox-name": "web-0",
    "io.kubernetes.cri.sandbox-namespace": "shop",
}
OF_KUBELET = {
    "io.kubernetes.container.name": "app",
    "io.kubernetes.pod.name": "web-0",
    "io.kubernetes.pod.namespace": "shop",
}
PATH = f"/kubepods.slice/cri-containerd-{ID}.scope"


@pytest.fixture(autouse=True)
def _forget() -> None:
    container_names.cache_clear()


def state(run: Path, folder: str, text: str) -> Path:
    (run / folder).mkdir(parents=True)
    file = run / folder / "config.json"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("folder", "annotations"), [(CONTAINERD, OF_CRI), (CRI_O, OF_KUBELET)], ids=["cri", "cri-o"]
)
def test_names_of_kubernetes(tmp_path: Path, folder: str, annotations: dict[str, str]) -> None:
    state(tmp_path, folder, json.dumps({"annotations": annotations}))
    assert container_names(PATH, str(tmp_path)) == ContainerNames("app", "web-0", "shop")


def test_of_a_sandbox_only_the_pod_is_told(tmp_path: Path) -> None:
    names = {key: value for key, value in OF_CRI.items() if "container" not in key}
    state(tmp_path, CONTAINERD, json.dumps({"annotations": names}))
    assert container_names(PATH, str(tmp_path)) == ContainerNames(None, "web-0", "shop")


@pytest.mark.parametrize("path", ["/", "/system.slice/x.service", "/lxc.payload.../../etc"])
def test_a_cgroup_without_an_id_has_no_names(tmp_path: Path, path: str) -> None:
    assert container_names(path, str(tmp_path)) is None


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"annotations": 3}', '{"annotations": {"io.kubernetes.pod.name": 3}}', "[" * 5000]
    + ['{"annotations": {"io.kubernetes.pod.name": "x"}' + " " * 300_000 + "}", "\xff\x00"],
    ids=["empty", "list", "number", "name", "deep", "large", "bytes"],
)
def test_a_file_that_is_none_of_a_runtime(tmp_path: Path, text: str) -> None:
    state(tmp_path, CONTAINERD, text)
    assert container_names(PATH, str(tmp_path)) is None


def test_nothing_but_a_plain_file_is_read(tmp_path: Path) -> None:
    """A FIFO would hold ktrace up, and a link may lead to a file system that hangs."""
    file = state(tmp_path, CONTAINERD, json.dumps({"annotations": OF_CRI}))
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert container_names(PATH, str(tmp_path)) is None
    container_names.cache_clear()
    file.unlink()
    os.mkfifo(file)
    assert container_names(PATH, str(tmp_path)) is None
