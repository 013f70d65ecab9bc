"""The camera node in a real graph."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.ros
pytest.importorskip("rclpy")
pytest.importorskip("egorear_ros.msg")

import cv2  # noqa: E402
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from sensor_msgs.msg import CameraInfo, CompressedImage  # noqa: E402
from std_srvs.srv import SetBool  # noqa: E402

from egorear_ros.bridge.handover import Handover  # noqa: E402
from egorear_ros.bridge.qos import camera_qos, results_qos  # noqa: E402
from egorear_ros.bridge.stamps import ns_from_time, time_from_ns  # noqa: E402
from egorear_ros.nodes import camera as camera_module  # noqa: E402
from egorear_ros.nodes.camera import CameraNode  # noqa: E402
from egorear_ros.sources.base import EndOfSource, Picture, SourceError, SourceLost  # noqa: E402
from egorear_ros.structures import Frame  # noqa: E402

RATE_HZ = 20.0
PERIOD_NS = round(1e9 / RATE_HZ)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Ten small images per view, an eighth of the calibrated size."""
    for number, view in enumerate(("front_left", "front_right")):
        (tmp_path / view).mkdir()
        for index in range(10):
            pixels = np.full((109, 109, 3), 20 * index + number, np.uint8)
            cv2.imwrite(str(tmp_path / view / f"{index}.jpg"), pixels)
    return tmp_path


def make(graph: Any, view: str = "front_left", handover: Handover | None = None, **values: Any) -> CameraNode:
    given = {"source.rate_hz": RATE_HZ, **{name.replace("__", "."): value for name, value in values.items()}}
    overrides = [Parameter(name, value=value) for name, value in given.items()]
    return graph.add(CameraNode(view, handover, parameter_overrides=overrides, **graph.kwargs))


def health(node: CameraNode) -> Any:
    return next(iter(node.health()), None)


class FakeSource:
    """Answers as the test says: a Picture is returned, an exception raised; then the last answer again."""

    paced = True

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.open_error: Exception | None = None
        self.is_open = False

    def open(self) -> None:
        if self.open_error is not None:
            raise self.open_error
        self.is_open = True

    def read(self, tick: int) -> Picture:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.is_open = False


@pytest.fixture
def fake(monkeypatch: Any) -> Callable[..., FakeSource]:
    """Make camera nodes use a source that the test controls."""

    def install(*answers: Any) -> FakeSource:
        source = FakeSource(*answers)
        monkeypatch.setattr(camera_module, "make_source", lambda config, rig, view: source)
        return source

    return install


def picture(width: int = 109, height: int = 109) -> Picture:
    return Picture("jpeg", cv2.imencode(".jpg", np.zeros((height, width, 3), np.uint8))[1].tobytes())


def test_image_and_camera_info_share_stamp_and_frame(graph: Any, images: Path) -> None:
    pictures = graph.listen(CompressedImage, "front_left/image_raw/compressed", camera_qos())
    infos = graph.listen(CameraInfo, "front_left/camera_info", camera_qos())
    make(graph, source__kind="images", source__path=str(images), frame_prefix="p/")

    def stamps_ns(heard: list[Any]) -> set[int]:
        return {ns_from_time(one.header.stamp) for one in list(heard)}

    graph.until(lambda: len(stamps_ns(pictures) & stamps_ns(infos)) >= 4, "images with their camera_info")
    stamps = stamps_ns(pictures)
    assert {one.header.frame_id for one in [*pictures, *infos]} == {"p/front_left_optical"}
    assert all(stamp_ns % PERIOD_NS == 0 for stamp_ns in stamps)
    # File bytes pass through untouched.
    files = {path.read_bytes() for path in (images / "front_left").iterdir()}
    assert all(bytes(one.data) in files for one in pictures)


def test_camera_info_is_for_the_images_that_are_sent(graph: Any, images: Path) -> None:
    infos = graph.listen(CameraInfo, "front_left/camera_info", camera_qos())
    node = make(graph, source__kind="images", source__path=str(images))
    info = graph.until(lambda: infos and infos[-1], "camera_info")
    assert (info.width, info.height, info.distortion_model) == (109, 109, "equidistant")
    full = node.rig["front_left"].lens
    assert info.k[0] > 0 and info.k[2] == pytest.approx((full.center_px[0] + 0.5) / 8 - 0.5, abs=0.1)


def test_two_cameras_have_the_same_stamps_and_moments(graph: Any, images: Path) -> None:
    heard = {
        view: graph.listen(CompressedImage, f"{view}/image_raw/compressed", camera_qos())
        for view in ("front_left", "front_right")
    }
    for view in heard:
        make(graph, view, source__kind="images", source__path=str(images))

    def by_stamp_ns() -> list[dict[int, bytes]]:
        return [{ns_from_time(one.header.stamp): bytes(one.data) for one in list(heard[view])} for view in heard]

    graph.until(lambda: len(set.intersection(*map(set, by_stamp_ns()))) >= 5, "moments that both cameras have")
    by_stamp = by_stamp_ns()
    common = set(by_stamp[0]) & set(by_stamp[1])
    for stamp_ns in common:
        left, right = (int(cv2.imdecode(np.frombuffer(one[stamp_ns], np.uint8), 0).mean() + 0.5) for one in by_stamp)
        assert right - left == 1  # image i of one view is 20 i, of the other 20 i + 1


def test_frames_are_handed_over_as_objects_and_not_published_when_nobody_listens(
    graph: Any, fake: Callable[..., FakeSource], monkeypatch: Any
) -> None:
    encoded: list[Frame] = []
    original = camera_module.compressed_from_frame
    monkeypatch.setattr(
        camera_module,
        "compressed_from_frame",
        lambda frame, *rest: (encoded.append(frame), original(frame, *rest))[1],
    )
    pixels = np.zeros((109, 109, 3), np.uint8)
    fake(Picture("rgb8", pixels))
    handover, got = Handover(), []
    node = make(graph, handover=handover)
    topic = f"{graph.namespace}/front_left/image_raw/compressed"
    assert handover.offers(topic)
    handover.subscribe(topic, got.append)
    graph.until(lambda: len(got) >= 3, "frames")
    assert got[0].data is pixels and got[0].view == "front_left"
    assert not encoded
    pictures = graph.listen(CompressedImage, "front_left/image_raw/compressed", camera_qos())
    graph.until(lambda: pictures, "a message as soon as somebody listens")
    assert pictures[0].format == "jpeg" and encoded
    assert node.active


def test_the_view_comes_from_the_node_name(graph: Any, images: Path) -> None:
    values = {"source.kind": "images", "source.path": str(images), "source.rate_hz": RATE_HZ}
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    cli = ["--ros-args", "-r", "__node:=camera_front_right"]
    node = graph.add(CameraNode(parameter_overrides=overrides, cli_args=cli, **graph.kwargs))
    graph.until(lambda: node.active, "active")
    assert node.view == "front_right"


def test_a_view_that_the_rig_has_not_is_refused_with_those_it_has(graph: Any) -> None:
    from lifecycle_msgs.msg import Transition
    from lifecycle_msgs.srv import ChangeState

    heard = graph.listen(DiagnosticArray, "/diagnostics", results_qos())
    make(graph, view="top", autostart=False)
    request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_CONFIGURE))
    assert not graph.call(ChangeState, f"{graph.namespace}/camera_top/change_state", request).success
    status = graph.until(lambda: _status(heard, graph, "camera_top: state", b"\x02"), "an error")
    assert "'top'" in status.message and "front_left" in status.message


def _status(heard: list[DiagnosticArray], graph: Any, name: str, level: bytes) -> DiagnosticStatus | None:
    wanted = f"{graph.namespace}/{name}".lstrip("/")
    found = [one for message in list(heard) for one in message.status if one.name == wanted and one.level == level]
    return found[-1] if found else None


def test_images_that_the_calibration_is_not_for_stop_the_activation_and_name_the_file(
    graph: Any, tmp_path: Path
) -> None:
    (tmp_path / "front_left").mkdir()
    cv2.imwrite(str(tmp_path / "front_left" / "0.jpg"), np.zeros((480, 640, 3), np.uint8))
    heard = graph.listen(DiagnosticArray, "/diagnostics", results_qos())
    node = make(graph, source__kind="images", source__path=str(tmp_path))
    status = graph.until(lambda: _status(heard, graph, "camera_front_left: state", b"\x02"), "an error")
    for word in ("640x480", "872x872", "ego4view_syn.yaml"):
        assert word in status.message
    assert not node.active


def test_a_device_that_is_unplugged_and_plugged_in_again(graph: Any, fake: Callable[..., FakeSource]) -> None:
    source = fake(picture(), picture(), SourceLost("front_left: /dev/video0 is gone."), picture())
    source.open_error = None
    heard = graph.listen(DiagnosticArray, "/diagnostics", results_qos())
    pictures = graph.listen(CompressedImage, "front_left/image_raw/compressed", camera_qos())

    original_open = source.open
    attempts: list[int] = []
    plugged: list[bool] = []

    def open_again() -> None:
        attempts.append(1)
        if len(attempts) > 1 and not plugged:
            raise SourceError("there is no /dev/video0")
        original_open()

    source.open = open_again  # type: ignore[method-assign]
    node = make(graph, source__reopen_s=0.1)
    status = graph.until(lambda: _status(heard, graph, "camera_front_left: stream", b"\x02"), "an error")
    assert "source lost" in status.message and "/dev/video0" in status.message
    graph.until(lambda: len(attempts) >= 2, "an attempt while it is not there")
    before = len(pictures)
    plugged.append(True)
    graph.until(lambda: len(pictures) > before + 3, "images again")
    assert node.active and len(attempts) >= 3
    assert health(node).values["times lost"] == 1


def test_a_device_that_is_not_there_yet_is_taken_when_it_comes(
    graph: Any, fake: Callable[..., FakeSource], monkeypatch: Any
) -> None:
    from egorear_ros.bridge import node as node_module

    monkeypatch.setattr(node_module, "AUTOSTART_RETRY_S", (0.1, 0.2))
    source = fake(picture())
    source.open_error = SourceError("front_left: /dev/video7 is busy; another program uses it.")
    heard = graph.listen(DiagnosticArray, "/diagnostics", results_qos())
    node = make(graph)
    status = graph.until(lambda: _status(heard, graph, "camera_front_left: state", b"\x02"), "an error")
    assert "/dev/video7 is busy" in status.message
    source.open_error = None
    graph.until(lambda: node.active, "active")


def test_damaged_images_are_counted_and_the_others_come(graph: Any, fake: Callable[..., FakeSource]) -> None:
    fake(picture(), SourceError("7.jpg is cut off"), SourceError("8.jpg is cut off"), picture())
    pictures = graph.listen(CompressedImage, "front_left/image_raw/compressed", camera_qos())
    node = make(graph)
    graph.until(lambda: len(pictures) >= 3 and health(node).values["damaged images"] == 2, "images")


def test_the_end_of_a_recording_is_no_error(graph: Any, fake: Callable[..., FakeSource]) -> None:
    fake(picture(), EndOfSource("over"))
    node = make(graph)
    graph.until(lambda: (one := health(node)) and "finished" in one.message, "the end")
    assert health(node).level == 0 and node.active


def test_a_camera_that_is_open_but_silent_is_an_error(
    graph: Any, fake: Callable[..., FakeSource], monkeypatch: Any
) -> None:
    monkeypatch.setattr(camera_module.SyncConfig, "stall_timeout_s", 1.0)
    source = fake(SourceError("7.jpg is cut off"))
    node = make(graph)
    graph.until(lambda: (one := health(node)) and one.level == 2, "an error")
    text = health(node).message
    assert all(words in text for words in ("no image for", "20.0 Hz", "damaged"))
    source.answers = [picture()]
    graph.until(lambda: health(node).level < 2, "no error")


def test_disabled_camera_sends_nothing(graph: Any, fake: Callable[..., FakeSource]) -> None:
    fake(picture())
    pictures = graph.listen(CompressedImage, "front_left/image_raw/compressed", camera_qos())
    make(graph)
    graph.until(lambda: pictures, "images")
    graph.call(SetBool, f"{graph.namespace}/camera_front_left/enable", SetBool.Request(data=False))
    before = graph.until_quiet(pictures, "images of a disabled camera")
    graph.call(SetBool, f"{graph.namespace}/camera_front_left/enable", SetBool.Request(data=True))
    graph.until(lambda: len(pictures) > before, "images again")


def test_deactivated_camera_releases_its_device(graph: Any, fake: Callable[..., FakeSource]) -> None:
    from lifecycle_msgs.msg import Transition
    from lifecycle_msgs.srv import ChangeState

    source = fake(picture())
    node = make(graph)
    graph.until(lambda: node.active and source.is_open, "active")
    request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_DEACTIVATE))
    assert graph.call(ChangeState, f"{graph.namespace}/camera_front_left/change_state", request).success
    assert not source.is_open


def test_simulated_time_paces_the_camera(graph: Any, fake: Callable[..., FakeSource]) -> None:
    fake(picture())
    pictures = graph.listen(CompressedImage, "front_left/image_raw/compressed", camera_qos())
    clock = graph.tester.create_publisher(Clock, "/clock", results_qos())
    node = make(graph, use_sim_time=True)
    graph.until(lambda: node.active, "active")
    now_ns = 1_000 * 10**9

    def advance() -> bool:
        nonlocal now_ns
        now_ns += PERIOD_NS // 5
        clock.publish(Clock(clock=time_from_ns(now_ns)))
        return len(pictures) >= 5

    graph.until(advance, "images")
    stamps = [ns_from_time(one.header.stamp) for one in pictures]
    assert all(1_000 * 10**9 < stamp_ns <= now_ns and stamp_ns % PERIOD_NS == 0 for stamp_ns in stamps)
    assert len(set(stamps)) == len(stamps)

    before = graph.until_quiet(pictures, "images while time stands still")
    now_ns = 500 * 10**9  # and jumps back
    graph.until(lambda: (advance(), len(pictures) >= before + 3)[1], "images after the jump")
    assert all(ns_from_time(one.header.stamp) < 600 * 10**9 for one in pictures[before:])
