"""Camera devices: a made-up one behind the system calls, and real ones where the machine has any."""

import errno
import logging
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from fake_camera import JPEG, FakeCamera

from egorear_ros.config import SourceConfig
from egorear_ros.sources import v4l2_abi as abi
from egorear_ros.sources.base import SourceError, SourceLost
from egorear_ros.sources.v4l2 import V4l2Source
from egorear_ros.sources.v4l2_errors import device_users
from egorear_ros.sources.v4l2_list import list_devices
from egorear_ros.structures import Rig

VIEW = "front_left"
MONOTONIC = abi.BUF_FLAG_TIMESTAMP_MONOTONIC


def make(camera: FakeCamera, rig: Rig, path: str = "/dev/video7", **config: Any) -> V4l2Source:
    return V4l2Source(SourceConfig(kind="v4l2", path=path, **config), rig, VIEW, camera)


def opened(camera: FakeCamera, rig: Rig, **config: Any) -> V4l2Source:
    source = make(camera, rig, **config)
    source.open()
    return source


def test_mjpeg_is_passed_on_with_the_kernels_stamp(rig: Rig) -> None:
    camera = FakeCamera()
    source = opened(camera, rig)
    pictures = [source.read(0) for _ in range(10)]
    assert {picture.encoding for picture in pictures} == {"jpeg"}
    assert {picture.data for picture in pictures} == {JPEG}
    assert [picture.monotonic_ns for picture in pictures[:2]] == [1_000_000_123_000, 1_000_033_456_000]
    assert not V4l2Source.paced


def test_images_do_not_change_when_the_driver_reuses_its_buffer(rig: Rig) -> None:
    other = JPEG.replace(b"image", b"IMAGE")
    source = opened(FakeCamera(images=[JPEG, JPEG, JPEG, other]), rig)
    pictures = [source.read(0).data for _ in range(6)]
    assert pictures == [JPEG] * 3 + [other] * 3


def test_yuyv_is_converted_where_there_is_no_mjpeg(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rows = np.full((48, 64, 2), 128, np.uint8)
    rows[..., 0] = np.arange(48)[:, None] * 4 + 20
    padded = np.zeros((48, 2 * 64 + 16), np.uint8)
    padded[:, :128] = rows.reshape(48, 128)
    camera = FakeCamera(formats={"YUYV": {(64, 48): [30.0]}}, line_padding=16, images=[padded.tobytes()])
    picture = opened(camera, rig).read(0)
    assert picture.encoding == "rgb8"
    assert isinstance(picture.data, np.ndarray)
    np.testing.assert_array_equal(picture.data, cv2.cvtColor(rows, cv2.COLOR_YUV2RGB_YUYV))
    assert "takes far more USB bandwidth" in caplog.text


@pytest.mark.parametrize(
    ("config", "size"),
    [({}, (64, 48)), ({"width": 128, "height": 96}, (128, 96))],
)
def test_calibrated_or_configured_size_is_asked_for(rig: Rig, config: dict[str, int], size: tuple[int, int]) -> None:
    camera = FakeCamera()
    source = opened(camera, rig, **config)
    assert (source._agreed.width, source._agreed.height) == size


def test_largest_scaled_size_is_taken_where_the_calibrated_one_is_not_offered(rig: Rig) -> None:
    sizes = {(128, 96): [30.0], (48, 36): [30.0], (32, 24): [30.0], (60, 60): [30.0]}
    source = opened(FakeCamera(formats={"MJPG": sizes}), rig)
    assert (source._agreed.width, source._agreed.height) == (48, 36)


def test_device_of_any_size(rig: Rig) -> None:
    source = opened(FakeCamera(any_size=True), rig, width=32, height=24)
    assert (source._agreed.width, source._agreed.height) == (32, 24)


def test_size_that_is_not_offered_names_those_that_are(rig: Rig) -> None:
    camera = FakeCamera()
    with pytest.raises(SourceError, match=r"does not offer MJPG at 32x24 px.*it offers: 128x96, 100x100, 64x48"):
        opened(camera, rig, width=32, height=24)
    assert not camera.open_fds


def test_driver_that_chooses_another_size_is_refused(rig: Rig) -> None:
    with pytest.raises(SourceError, match=r"was asked for MJPG 64x48 px and chose MJPG 640x480"):
        opened(FakeCamera(adjusted_size=(640, 480)), rig)


def test_rate_is_asked_for_and_another_one_reported(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    camera = FakeCamera(rate_hz=15.0)
    opened(camera, rig, rate_hz=30.0)
    assert camera.asked_rate == pytest.approx(30)
    assert "asked for 30 Hz and sends MJPG 64x48 px at 15 Hz; at this size it offers 60, 30 Hz" in caplog.text


def test_what_was_agreed_is_logged(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    opened(FakeCamera(), rig)
    assert "/dev/video7 (Fisheye 3000) sends MJPG 64x48 px at 30 Hz" in caplog.text
    caplog.clear()
    opened(FakeCamera(tells_rate=False), rig)
    assert "its driver tells no rate" in caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_other_clocks_are_not_taken_for_exposure(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    source = opened(FakeCamera(images=[(JPEG, 0)]), rig)
    before = time.monotonic_ns()
    stamps = [source.read(0).monotonic_ns for _ in range(2)]
    assert all(before <= (stamp or 0) <= time.monotonic_ns() for stamp in stamps)
    assert caplog.text.count("gives no exposure stamp") == 1


@pytest.mark.parametrize(
    "image",
    [(JPEG, MONOTONIC | abi.BUF_FLAG_ERROR), JPEG[:-2], b"", b"\x00" * 50, JPEG[2:]],
    ids=["flagged", "cut off", "empty", "zeros", "without start"],
)
def test_damaged_image_is_an_error_and_the_next_one_fine(rig: Rig, image: Any) -> None:
    source = opened(FakeCamera(images=[image] * 5 + [JPEG]), rig)
    for _ in range(5):
        with pytest.raises(SourceError, match="damaged on its way") as caught:
            source.read(0)
        assert not isinstance(caught.value, SourceLost)
    assert source.read(0).data == JPEG


def test_short_yuyv_image_is_damaged(rig: Rig) -> None:
    source = opened(FakeCamera(formats={"YUYV": {(64, 48): []}}, images=[b"\x80" * 6000]), rig)
    with pytest.raises(SourceError, match="6000 of 6144 bytes"):
        source.read(0)


@pytest.mark.parametrize("number", [errno.ENODEV, errno.EIO, errno.EPIPE])
def test_unplugged_camera_is_lost_and_can_be_opened_again(rig: Rig, number: int) -> None:
    camera = FakeCamera(images=[JPEG, number])
    source = opened(camera, rig)
    source.read(0)
    camera.fail[abi.VIDIOC_STREAMOFF] = errno.ENODEV
    with pytest.raises(SourceLost, match="the camera is gone"):
        source.read(0)
    source.close()
    source.close()
    assert not camera.open_fds
    assert all(buffer.closed for buffer in camera.mapped)
    with pytest.raises(SourceLost, match="not open"):
        source.read(0)
    replugged = FakeCamera()
    source._kernel = replugged
    source.open()
    assert source.read(0).data == JPEG


def test_any_other_failure_while_reading_is_a_loss_too(rig: Rig) -> None:
    source = opened(FakeCamera(images=[errno.EINVAL]), rig)
    with pytest.raises(SourceLost, match=r"cannot read an image: Invalid argument \(errno 22\)"):
        source.read(0)


def test_silent_camera_is_lost(rig: Rig) -> None:
    source = opened(FakeCamera(images=[None, JPEG]), rig)
    with pytest.raises(SourceLost, match=r"sent no image for 2 s.*egorear cameras --test"):
        source.read(0)
    assert source.read(0).data == JPEG


def test_slow_camera_is_not_silent(rig: Rig) -> None:
    source = opened(FakeCamera(images=[None, JPEG]), rig, rate_hz=1.0)
    with pytest.raises(SourceLost, match="no image for 5 s"):
        source.read(0)


def test_waking_up_for_nothing_is_no_error(rig: Rig) -> None:
    assert opened(FakeCamera(images=[errno.EAGAIN, errno.EAGAIN, JPEG]), rig).read(0).data == JPEG


@pytest.mark.parametrize(
    ("step", "number", "words"),
    [
        ("open", errno.ENOENT, r"there is no such device. Plug it in.*egorear cameras"),
        ("open", errno.EACCES, r"no permission. Add yourself to the group.*usermod -aG video"),
        ("open", errno.EBUSY, r"busy, in use by"),
        ("open", errno.EMFILE, r"cannot open: Too many open files"),
        (abi.VIDIOC_QUERYCAP, errno.ENOTTY, r"is no V4L2 video device"),
        (abi.VIDIOC_S_FMT, errno.EBUSY, r"busy, in use by"),
        (abi.VIDIOC_REQBUFS, errno.EBUSY, r"busy, in use by"),
        (abi.VIDIOC_STREAMON, errno.ENOSPC, r"USB bus \(usb-0000:00:14.0-1\) has no bandwidth left.*errno 28"),
        (abi.VIDIOC_STREAMON, errno.EINVAL, r"cannot start its stream: Invalid argument \(errno 22\)"),
    ],
)
def test_what_prevents_opening_is_explained_and_nothing_stays_open(
    rig: Rig, step: int | str, number: int, words: str
) -> None:
    camera = FakeCamera(fail={step: number})
    with pytest.raises(SourceError, match=f"front_left: /dev/video7.*{words}"):
        opened(camera, rig)
    assert not camera.open_fds
    assert all(buffer.closed for buffer in camera.mapped)


def test_camera_that_goes_while_it_is_opened_is_lost(rig: Rig) -> None:
    with pytest.raises(SourceLost, match="is gone"):
        opened(FakeCamera(fail={abi.VIDIOC_STREAMON: errno.ENODEV}), rig)


def test_metadata_device_and_multi_planar_device(rig: Rig) -> None:
    with pytest.raises(SourceError, match=r"gives no images.*lower number, or -video-index0"):
        opened(FakeCamera(capabilities=abi.CAP_STREAMING | 0x00800000), rig)
    with pytest.raises(SourceError, match=r"multi-planar.*camera_ros"):
        opened(FakeCamera(capabilities=abi.CAP_STREAMING | abi.CAP_VIDEO_CAPTURE_MPLANE), rig)


def test_unusable_formats_are_named(rig: Rig) -> None:
    with pytest.raises(SourceError, match=r"offers H264, GREY; expected one of MJPG, JPEG, YUYV"):
        opened(FakeCamera(formats={"H264": {}, "GREY": {}}), rig)


def test_path_may_be_a_number_and_must_not_be_empty(rig: Rig) -> None:
    with pytest.raises(SourceError, match="front_left: /dev/video3: there is no such device"):
        opened(FakeCamera(fail={"open": errno.ENOENT}), rig, path="3")
    with pytest.raises(SourceError, match="source.path is empty"):
        opened(FakeCamera(), rig, path="")


def test_symbolic_link_to_a_missing_device_says_so(rig: Rig, tmp_path: Path) -> None:
    link = tmp_path / "by-id"
    link.symlink_to(tmp_path / "video9")
    source = V4l2Source(SourceConfig(kind="v4l2", path=str(link)), rig, VIEW)
    with pytest.raises(SourceError, match=r"no such device \(it points to .*video9, which is gone\)"):
        source.open()


def test_file_that_is_no_device(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    source = V4l2Source(SourceConfig(kind="v4l2", path=str(tmp_path / "link")), rig, VIEW)
    with pytest.raises(SourceError, match="is no V4L2 video device"):
        source.open()


def test_who_uses_a_device_is_found(tmp_path: Path) -> None:
    device = tmp_path / "video0"
    device.touch()
    link = tmp_path / "by-id"
    link.symlink_to(device)
    assert device_users(str(link)) == []
    with device.open():
        (user,) = device_users(str(link))
    assert user.endswith(f"({Path('/proc/self').resolve().name})")


@pytest.mark.camera
def test_real_camera_sends_images_with_fresh_stamps() -> None:
    devices = [device for device in list_devices() if not device.problem]
    if not devices:
        pytest.skip("no camera is connected")
    from egorear_ros.commands.cameras import nominal_rig

    rig = nominal_rig(devices[:1], (0, 0), 30.0)
    source = V4l2Source(SourceConfig(kind="v4l2", path=devices[0].best_path), rig, rig.views[0])
    source.open()
    try:
        stamps = []
        for _ in range(10):
            picture = source.read(0)
            stamps.append(picture.monotonic_ns or 0)
            assert 0 < time.monotonic_ns() - stamps[-1] < 1_000_000_000
        assert stamps == sorted(set(stamps))
    finally:
        source.close()
