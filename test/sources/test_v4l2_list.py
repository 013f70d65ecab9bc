"""Finding cameras in a made-up /sys and /dev, and running several at once."""

import errno
from pathlib import Path
from typing import Any

import pytest
from fake_camera import JPEG, FakeCamera

from egorear_ros.config import SourceConfig
from egorear_ros.sources import v4l2_abi as abi
from egorear_ros.sources.v4l2 import V4l2Source
from egorear_ros.sources.v4l2_list import bus_loads, list_devices, raw_mbps
from egorear_ros.sources.v4l2_trial import run_together
from egorear_ros.structures import Rig


class Machine:
    """Several devices behind one kernel, with their entries in /sys and /dev below a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cameras: dict[str, FakeCamera] = {}
        self._by_fd: dict[int, FakeCamera] = {}

    def plug(self, name: str, camera: FakeCamera, port: str = "", speed: str = "480", serial: str = "") -> None:
        self.cameras[str(self.root / "dev" / name)] = camera
        (self.root / "dev/v4l/by-id").mkdir(parents=True, exist_ok=True)
        (self.root / "dev" / name).touch()
        device = self.root / "sys/devices/pci0000:00/usb1" / (port or "platform") / "interface"
        device.mkdir(parents=True, exist_ok=True)
        if port:
            (device.parent / "busnum").write_text(port.partition("-")[0] + "\n")
            (device.parent / "speed").write_text(speed + "\n")
        system = self.root / "sys/class/video4linux" / name
        system.mkdir(parents=True)
        (system / "name").write_text("Cheap camera\n")
        (system / "device").symlink_to(device)
        if serial:
            (self.root / "dev/v4l/by-id" / f"usb-{serial}-video-index0").symlink_to(f"../../{name}")

    def open(self, path: str) -> int:
        camera = self.cameras[path]
        camera.open(path)
        fd = 100 + len(self._by_fd)
        camera.open_fds = {fd}
        self._by_fd[fd] = camera
        return fd

    def __getattr__(self, name: str) -> Any:
        return lambda fd, *arguments: getattr(self._by_fd[fd], name)(fd, *arguments)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_cameras_are_listed_with_names_that_stay(machine: Machine) -> None:
    machine.plug("video10", FakeCamera(), port="2-1", speed="5000")
    machine.plug("video2", FakeCamera(), port="1-2.3", serial="A1")
    machine.plug("video3", FakeCamera(capabilities=abi.CAP_STREAMING), port="1-2.3")
    listed = list_devices(machine, machine.root)
    assert [Path(device.path).name for device in listed] == ["video2", "video10"]
    first, second = listed
    assert first.best_path == first.by_id == str(machine.root / "dev/v4l/by-id/usb-A1-video-index0")
    assert second.best_path == second.path
    assert first.usb is not None
    assert (first.usb.bus, first.usb.port, first.usb.speed_mbps) == (1, "1-2.3", 480)
    assert first.name == "Fisheye 3000"
    assert [offer.name for offer in first.formats] == ["YUYV", "MJPG"]
    assert [(size.width, size.height, size.rates_hz) for size in first.formats[1].sizes] == [
        (128, 96, (30.0, 15.0)),
        (64, 48, (60.0, 30.0)),
        (100, 100, (30.0,)),
    ]
    assert not any(camera.open_fds for camera in machine.cameras.values())


def test_device_that_cannot_be_asked_is_listed_with_the_reason(machine: Machine) -> None:
    machine.plug("video0", FakeCamera(fail={"open": errno.EACCES}))
    (device,) = list_devices(machine, machine.root)
    assert (device.name, device.problem, device.usb) == ("Cheap camera", "Permission denied", None)


def test_no_camera(tmp_path: Path) -> None:
    assert list_devices(root=tmp_path) == []


def test_buses_that_are_shared(machine: Machine) -> None:
    for number, (port, speed) in enumerate([("1-1", "480"), ("1-2", "480"), ("3-1", "480"), ("2-1", "5000"), ("", "")]):
        machine.plug(f"video{number}", FakeCamera(), port, speed)
    loads = bus_loads(list_devices(machine, machine.root))
    assert {bus: len(devices) for bus, devices in loads.items()} == {1: 2, 3: 1}
    assert raw_mbps(640, 480, 30) == pytest.approx(147.456)


def sources(machine: Machine, rig: Rig) -> list[V4l2Source]:
    paths = list(machine.cameras)
    return [V4l2Source(SourceConfig(path=path), rig, rig.views[n], machine) for n, path in enumerate(paths)]


def test_cameras_run_together_and_are_closed(machine: Machine, rig: Rig) -> None:
    for number in range(3):
        machine.plug(f"video{number}", FakeCamera(images=[JPEG, JPEG[:-2], JPEG]))
    results = run_together(sources(machine, rig), 0.05)
    assert all(result.rate_hz == pytest.approx(1e6 / 33_333, rel=1e-6) for result in results)
    assert all(result.images > 2 and result.damaged == 1 and not result.problem for result in results)
    assert all(result.mbps == pytest.approx(result.images * len(JPEG) * 8e-6 / 0.05) for result in results)
    assert not any(camera.streaming for camera in machine.cameras.values())


def test_camera_without_bandwidth_and_camera_that_stops_are_named(machine: Machine, rig: Rig) -> None:
    machine.plug("video0", FakeCamera())
    machine.plug("video1", FakeCamera(fail={abi.VIDIOC_STREAMON: errno.ENOSPC}))
    machine.plug("video2", FakeCamera(images=[JPEG, JPEG, errno.ENODEV]))
    fine, full, gone = run_together(sources(machine, rig), 0.05)
    assert not fine.problem
    assert "no bandwidth left" in full.problem
    assert "gone" in gone.problem
    assert (full.images, gone.images) == (0, 1)


def test_nothing_to_run() -> None:
    assert run_together([], 1.0) == []
