"""`egorear cameras`: what it prints and how it ends."""

import argparse
import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from egorear_ros.commands import cameras
from egorear_ros.sources import v4l2_list, v4l2_trial
from egorear_ros.sources.v4l2_device import FormatOffer, SizeOffer
from egorear_ros.sources.v4l2_list import CameraDevice, UsbPort
from egorear_ros.sources.v4l2_trial import TrialResult

MJPG = FormatOffer(
    "MJPG", (SizeOffer(640, 480, (30.0,)), SizeOffer(1280, 960, (30.0, 15.0)), SizeOffer(1920, 1440, (5.0,)))
)
CAMERA = CameraDevice(
    "/dev/video0", "Fisheye 3000", "/dev/v4l/by-id/a", "/dev/v4l/by-path/p", UsbPort(1, "1-1", 480), (MJPG,)
)


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cameras.add_parser(parser.add_subparsers())
    return parser.parse_args(["cameras", *words])


def run(monkeypatch: pytest.MonkeyPatch, devices: list[CameraDevice], *words: str) -> int:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(v4l2_list, "list_devices", lambda: devices)
    return cameras.run(parse(*words))


def test_lists_devices_and_the_names_to_configure(monkeypatch: Any, capsys: Any) -> None:
    bare = replace(CAMERA, path="/dev/video2", by_id="", name="Twin", usb=UsbPort(2, "2-1", 5000))
    assert run(monkeypatch, [CAMERA, bare]) == 0
    printed = capsys.readouterr().out
    assert "/dev/v4l/by-id/a    # Fisheye 3000, now /dev/video0" in printed
    assert "/dev/v4l/by-path/p    # Twin, now /dev/video2" in printed
    assert "MJPG: 1920x1440 5 Hz, 1280x960 30 Hz, 640x480 30 Hz" in printed
    assert "99-egorear-cameras.rules" in printed
    assert "share USB bus" not in printed


def test_warns_of_a_shared_bus_and_of_uncompressed_cameras(monkeypatch: Any, capsys: Any) -> None:
    raw = replace(CAMERA, path="/dev/video2", formats=(FormatOffer("YUYV", MJPG.sizes),))
    assert run(monkeypatch, [CAMERA, raw]) == 0
    printed = capsys.readouterr().out
    assert "/dev/video0, /dev/video2 share USB bus 1 (480 Mbit/s" in printed
    assert "takes 147" in printed
    assert "/dev/video2 offers no MJPG" in printed


@pytest.mark.parametrize(
    ("devices", "words", "message"),
    [
        ([], [], "No camera is connected"),
        ([CAMERA], ["--only", "/dev/video9"], "None of /dev/video9 is a connected camera"),
        ([CAMERA], ["--size", "big"], "--size is 'big'; expected for example"),
    ],
)
def test_no_camera_and_wrong_arguments(
    monkeypatch: pytest.MonkeyPatch, devices: list[CameraDevice], words: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        run(monkeypatch, devices, *words)


@pytest.mark.parametrize(
    ("result", "status", "words"),
    [
        (TrialResult(150, 0, 29.9, 26.0), 0, "All 1 cameras ran together at 30 Hz, 26 Mbit/s in all"),
        (TrialResult(75, 0, 15.0, 13.0), 1, "1 of 1 cameras failed or were slower than 27 Hz"),
        (TrialResult(0, 0, 0.0, 0.0, "no bandwidth left"), 1, "no bandwidth left"),
        (TrialResult(150, 3, 29.9, 26.0), 1, "1 of 1 cameras failed"),
    ],
)
def test_trial_says_whether_all_ran(
    monkeypatch: Any, capsys: Any, result: TrialResult, status: int, words: str
) -> None:
    monkeypatch.setattr(v4l2_trial, "run_together", lambda sources, duration_s: [result])
    assert run(monkeypatch, [CAMERA], "--test", "--only", "/dev/v4l/by-id/a") == status
    assert words in capsys.readouterr().out


def test_trial_uses_the_largest_size_at_the_rate() -> None:
    assert cameras.nominal_rig([CAMERA], (0, 0), 30.0)["video0"].lens.width == 1280
    assert cameras.nominal_rig([CAMERA], (640, 480), 30.0)["video0"].lens.height == 480
    assert cameras.nominal_rig([CAMERA], (0, 0), 60.0)["video0"].lens.width == 1920


def test_table_fits_a_terminal() -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(cameras.device_table([CAMERA]))
    assert "1, port 1-1, 480 Mbit/s" in console.export_text()
