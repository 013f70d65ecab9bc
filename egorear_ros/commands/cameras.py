"""`egorear cameras`: which cameras are connected, how to name them, and whether they can run together."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from egorear_ros.sources.v4l2_device import FormatOffer
    from egorear_ros.sources.v4l2_list import CameraDevice
    from egorear_ros.sources.v4l2_trial import TrialResult
    from egorear_ros.structures import Rig


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "cameras",
        help="list connected cameras; try them together",
        description="List connected cameras with the names to configure, and warn where they share a USB bus.",
    )
    parser.add_argument("--test", action="store_true", help="run all of them at once and measure: tests USB bandwidth")
    parser.add_argument("--only", nargs="+", metavar="PATH", default=[], help="test these devices instead of all")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of the test (default: 5)")
    parser.add_argument("--rate", type=float, default=30.0, metavar="HZ", help="rate to test (default: 30)")
    parser.add_argument(
        "--size", default="", metavar="WxH", help="image size to test (default: the largest at that rate)"
    )


def run(args: argparse.Namespace) -> int:
    """List cameras, and test them if asked; return 1 if the test failed.

    Raises:
        ValueError: there is no camera, or an argument is wrong.
    """
    from rich.console import Console

    from egorear_ros.sources.v4l2_list import list_devices

    size = _parse_size(args.size)
    console = Console(highlight=False, soft_wrap=True)
    devices = list_devices()
    chosen = [device for device in devices if not args.only or {device.path, device.best_path} & set(args.only)]
    if not chosen:
        raise ValueError(_nothing(args.only))
    console.print(device_table(chosen))
    for line in advice(chosen, args.rate):
        console.print(line)
    return _test(console.print, chosen, size, args.rate, args.seconds) if args.test else 0


def device_table(devices: Sequence["CameraDevice"]) -> "Table":
    """Return what is connected as a table."""
    from rich.table import Table

    table = Table("Device", "Name", "USB bus", "Sizes and rates")
    for device in devices:
        usb = device.usb
        bus = f"{usb.bus}, port {usb.port}, {usb.speed_mbps:g} Mbit/s" if usb else "no USB"
        offers = "\n".join(describe(offer) for offer in device.formats) or device.problem or "nothing"
        table.add_row(device.path, device.name, bus, offers, end_section=True)
    return table


def describe(offer: "FormatOffer", most: int = 5) -> str:
    """Return a format's sizes with their fastest rates, largest first."""
    sizes = sorted(offer.sizes, key=lambda size: size.width * size.height, reverse=True)
    texts = [
        f"{'up to ' if size.any_size else ''}{size.width}x{size.height}"
        + (f" {size.rates_hz[0]:g} Hz" if size.rates_hz else "")
        for size in sizes
    ]
    return f"{offer.name}: " + ", ".join(texts[:most]) + (", ..." if len(texts) > most else "")


def advice(devices: Sequence["CameraDevice"], rate_hz: float) -> list[str]:
    """Return what to write into the parameters, and what may go wrong."""
    from egorear_ros.sources.v4l2_list import USB2_MBPS, USB2_RESERVABLE_MBPS, bus_loads, raw_mbps

    lines = ["", "Names that stay (source.path of a camera node):"]
    lines += [f"  {device.best_path}    # {device.name}, now {device.path}" for device in devices]
    if any(not device.by_id for device in devices):
        lines.append(
            "Cameras without a by-id name have no serial number of their own, or share it: by-path names follow the "
            "socket. docs/udev/99-egorear-cameras.rules gives each socket a name of its own."
        )
    for bus, shared in sorted(bus_loads(devices).items()):
        if len(shared) < 2:
            continue
        names = ", ".join(device.path for device in shared)
        raw = raw_mbps(640, 480, rate_hz)
        lines.append(
            f"{names} share USB bus {bus} ({USB2_MBPS} Mbit/s, of which cameras can reserve "
            f"{USB2_RESERVABLE_MBPS:g}). Uncompressed, one camera of 640x480 at {rate_hz:g} Hz takes {raw:.0f}; with "
            "MJPG much less, but many cameras reserve more than they need. `egorear cameras --test` shows whether "
            "they run together."
        )
        lines += [f"  {device.path} offers no MJPG." for device in shared if not _offers_jpeg(device)]
    for device in devices:
        if device.problem:
            lines.append(f"{device.path} could not be asked: {device.problem}.")
    return lines


def result_table(devices: Sequence["CameraDevice"], results: Sequence["TrialResult"]) -> "Table":
    """Return what a test measured as a table."""
    from rich.table import Table

    table = Table("Device", "Images", "Damaged", "Rate", "Mbit/s", "Problem")
    for device, result in zip(devices, results, strict=True):
        rate = f"{result.rate_hz:.1f} Hz"
        numbers = (str(result.images), str(result.damaged), rate, f"{result.mbps:.0f}")
        table.add_row(device.path, *numbers, result.problem or "none", end_section=True)
    return table


def nominal_rig(devices: Sequence["CameraDevice"], size: tuple[int, int], rate_hz: float) -> "Rig":
    """Return a rig with one view per device, of the size to test: the test needs no calibration."""
    import numpy as np

    from egorear_ros.structures import Camera, EquidistantLens, Rig

    cameras = []
    for device in devices:
        width, height = size if size[0] else _largest(device, rate_hz)
        lens = EquidistantLens(
            width, height, (width / 3, width / 3), (width / 2, height / 2), (0.0, 0.0, 0.0, 0.0), 1.5
        )
        cameras.append(Camera(Path(device.path).name, lens, np.eye(4)))
    return Rig("test", tuple(cameras), "--size")


def _test(
    show: Callable[[object], None],
    devices: Sequence["CameraDevice"],
    size: tuple[int, int],
    rate_hz: float,
    duration_s: float,
) -> int:
    from egorear_ros.config import SourceConfig
    from egorear_ros.sources.v4l2 import V4l2Source
    from egorear_ros.sources.v4l2_trial import run_together

    rig = nominal_rig(devices, size, rate_hz)
    sources = [
        V4l2Source(SourceConfig(kind="v4l2", path=device.path, rate_hz=rate_hz), rig, view)
        for device, view in zip(devices, rig.views, strict=True)
    ]
    show(f"\nRunning {len(sources)} cameras together for {duration_s:g} s ...")
    results = run_together(sources, duration_s)
    show(result_table(devices, results))
    failed = [result for result in results if result.problem or result.damaged or result.rate_hz < 0.9 * rate_hz]
    total = sum(result.mbps for result in results)
    show(
        f"{len(failed)} of {len(results)} cameras failed or were slower than {0.9 * rate_hz:g} Hz (in the dark many "
        "cameras halve their rate: exposure_dynamic_framerate=0 forbids it)."
        if failed
        else f"All {len(results)} cameras ran together at {rate_hz:g} Hz, {total:.0f} Mbit/s in all."
    )
    return 1 if failed else 0


def _largest(device: "CameraDevice", rate_hz: float) -> tuple[int, int]:
    """Return the largest size at a rate in the format that would be used."""
    from egorear_ros.sources.v4l2 import FORMATS

    offers = {offer.name: offer for offer in device.formats}
    for name in FORMATS:
        sizes = offers[name].sizes if name in offers else ()
        fast = [size for size in sizes if not size.rates_hz or size.rates_hz[0] > 0.99 * rate_hz] or list(sizes)
        if fast:
            best = max(fast, key=lambda size: size.width * size.height)
            return best.width, best.height
    return 640, 480


def _offers_jpeg(device: "CameraDevice") -> bool:
    return bool({"MJPG", "JPEG"} & {offer.name for offer in device.formats})


def _parse_size(text: str) -> tuple[int, int]:
    """Return (width, height); (0, 0) for nothing."""
    if not text:
        return 0, 0
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) * int(height)):
        raise ValueError(f"--size is {text!r}; expected for example 1280x960.")
    return int(width), int(height)


def _nothing(only: Sequence[str]) -> str:
    if only:
        return f"None of {', '.join(only)} is a connected camera. `egorear cameras` lists what is."
    return (
        "No camera is connected (nothing in /sys/class/video4linux gives images). "
        "Plug one in; in a container, pass it on with --device /dev/video0 and mount /dev/v4l and /sys."
    )
