"""Paths as each manager of cgroups makes them."""

import pytest

from ktrace.kernel.cgroup_names import Place, containers, place_of, pod, units

pytestmark = pytest.mark.unit
ID = "4f1c2d3e5a6b7c8d" * 4
UID = "0f5b7e1c-93a4-4d7a-8c0e-1f2a3b4c5d6e"


@pytest.mark.parametrize(
    ("path", "container", "runtime"),
    [
        (f"/system.slice/docker-{ID}.scope", ID, "docker"),
        (f"/docker/{ID}", ID, "docker"),
        (f"/docker/{ID}/init.scope", ID, "docker"),
        (f"/machine.slice/libpod-{ID}.scope/container", ID, "podman"),
        (f"/libpod_parent/libpod-{ID}", ID, "podman"),
        (f"/kubepods/burstable/pod{UID}/{ID}", ID, None),
        (f"/kubepods/besteffort/pod{UID}/crio-{ID}", ID, "cri-o"),
        (
            "/kubepods.slice/kubepods-burstable.slice/"
            f"kubepods-burstable-pod{UID.replace('-', '_')}.slice/cri-containerd-{ID}.scope",
            ID,
            "containerd",
        ),
        (f"/ecs/5d3e/{ID[:32]}-1234567890", f"{ID[:32]}-1234567890", None),
        ("/lxc.payload.web", "web", "lxc"),
        ("/lxc/web", "web", "lxc"),
        ("/machine.slice/systemd-nspawn@web.service/payload", "web", "systemd-nspawn"),
        (f"/system.slice/libpod-conmon-{ID}.scope", None, None),  # it only looks after one
        ("/system.slice/docker.service", None, None),
        ("/system.slice/docker-4f1c.scope", None, None),
    ],
)
def test_container(path: str, container: str | None, runtime: str | None) -> None:
    place = place_of(path)
    assert (place["container"], place["runtime"]) == (container, runtime)


def test_a_container_in_a_container_is_the_innermost() -> None:
    path = f"/system.slice/docker-{ID[::-1]}.scope/kubelet.slice/cri-containerd-{ID}.scope"
    assert [found.id for found in containers(path)] == [ID[::-1], ID]
    assert place_of(path)["container"] == ID


@pytest.mark.parametrize(
    "name",
    [
        f"kubepods-besteffort-pod{UID.replace('-', '_')}.slice",
        f"kubepods-pod{UID.replace('-', '_')}.slice",
        f"pod{UID}",
    ],
)
def test_pod(name: str) -> None:
    assert pod(f"/kubepods/{name}/x") == UID


def test_a_static_pod_has_a_hash_for_a_uid() -> None:
    assert pod(f"/kubepods/burstable/pod{ID[:32]}") == ID[:32]


def test_unit_is_that_of_the_system_s_manager() -> None:
    path = "/user.slice/user-1000.slice/user@1000.service/app.slice/web.service"
    assert units(path) == ["user@1000.service", "web.service"]
    assert place_of(path)["unit"] == "user@1000.service"


def test_nothing_is_known_of_no_path() -> None:
    assert place_of(None) == place_of("/") == dict.fromkeys(Place.__annotations__)
