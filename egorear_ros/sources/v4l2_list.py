"""Which cameras are connected, under which names, and which of them share a USB bus."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from egorear_ros.sources.folder import natural_order
from egorear_ros.sources.v4l2_device import FormatOffer, Kernel, LinuxKernel, VideoDevice

USB2_MBPS = 480
USB2_RESERVABLE_MBPS = 0.8 * USB2_MBPS
"""Isochronous transfers, which cameras use, may take 80 % of a USB 2 bus (USB 2.0 specification, 5.6.4)."""


@dataclass(frozen=True)
class UsbPort:
    """Where a USB camera is plugged in.

    Attributes:
        bus: number of the bus, which its cameras share.
        port: the path of ports below it, as "1-2.3".
        speed_mbps: of the camera's link, Mbit/s; 480 is USB 2.
    """

    bus: int
    port: str
    speed_mbps: float


@dataclass(frozen=True)
class CameraDevice:
    """A connected camera.

    Attributes:
        path: /dev/video*, which changes when cameras are plugged in another order.
        name: the product's.
        by_id: link that follows the camera (model and serial number); empty if there is none or if
            another camera has the same.
        by_path: link that follows the USB port; empty if there is none.
        usb: None for a camera that is not on USB.
        formats: what it offers.
        problem: why it could not be asked; empty if it could.
    """

    path: str
    name: str
    by_id: str
    by_path: str
    usb: UsbPort | None
    formats: tuple[FormatOffer, ...]
    problem: str = ""

    @property
    def best_path(self) -> str:
        """The name to configure: by-id, else by-path, else the device."""
        return self.by_id or self.by_path or self.path


def list_devices(kernel: Kernel | None = None, root: Path = Path("/")) -> list[CameraDevice]:
    """Return the connected devices that give images, by number.

    Args:
        kernel: the system calls.
        root: where sys/ and dev/ are.
    """
    kernel = kernel or LinuxKernel()
    found = []
    for name in natural_order(path.name for path in (root / "sys/class/video4linux").glob("video*")):
        device = _look_at(name, kernel, root)
        if device is not None:
            found.append(device)
    return found


def bus_loads(devices: Sequence[CameraDevice]) -> dict[int, list[CameraDevice]]:
    """Return USB 2 cameras by bus. USB 3 cameras each have more room than they can use."""
    loads: dict[int, list[CameraDevice]] = {}
    for device in devices:
        if device.usb is not None and device.usb.speed_mbps <= USB2_MBPS:
            loads.setdefault(device.usb.bus, []).append(device)
    return loads


def raw_mbps(width: int, height: int, rate_hz: float) -> float:
    """Return the bandwidth of uncompressed YUYV, Mbit/s."""
    return width * height * 16 * rate_hz / 1e6


def _look_at(name: str, kernel: Kernel, root: Path) -> CameraDevice | None:
    """Return a device; None if it gives no images, as the metadata device of a USB camera."""
    path = root / "dev" / name
    system = root / "sys/class/video4linux" / name
    product = _read(system / "name") or name
    links = {kind: _link_to(path, root / "dev/v4l" / kind) for kind in ("by-id", "by-path")}
    usb = _usb_port(system / "device")
    try:
        device = VideoDevice(str(path), kernel)
    except OSError as error:
        problem = error.strerror or str(error)
        return CameraDevice(str(path), product, links["by-id"], links["by-path"], usb, (), problem)
    try:
        if not device.captures:
            return None
        return CameraDevice(str(path), device.card, links["by-id"], links["by-path"], usb, device.formats())
    except OSError as error:
        problem = error.strerror or str(error)
        return CameraDevice(str(path), product, links["by-id"], links["by-path"], usb, (), problem)
    finally:
        device.close()


def _link_to(path: Path, folder: Path) -> str:
    """Return the first link in a folder that points to a device."""
    if not folder.is_dir():
        return ""
    target = os.path.realpath(path)
    return next((str(link) for link in sorted(folder.iterdir()) if os.path.realpath(link) == target), "")


def _usb_port(device: Path) -> UsbPort | None:
    """Find the USB device above a video device in /sys."""
    real = Path(os.path.realpath(device))
    for parent in (real, *real.parents):
        bus, speed = _read(parent / "busnum"), _read(parent / "speed")
        if bus and speed:
            return UsbPort(int(bus), parent.name, float(speed))
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
