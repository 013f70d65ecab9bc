"""`egorear view live` as its user meets it: the program beside a graph, and its window in a real browser."""

import contextlib
import itertools
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import rig_data
from chromium import Page, find_chromium
from harness import Graph

from egorear_ros.geometry.rig_file import load_rig

pytestmark = [pytest.mark.ros, pytest.mark.slow]

RED, GREEN = (230, 20, 20), (20, 200, 20)
BEGIN_NS, STEP_NS = 1_000_000_000, 100_000_000
END_S = 120.0


class TinyRig:
    """Publishes what the nodes of a rig would, one moment after another, all images of one colour."""

    def __init__(self, graph: Graph) -> None:
        from egorear_ros.msg import BodyPose
        from sensor_msgs.msg import CompressedImage

        from egorear_ros.bridge.qos import camera_qos, results_qos
        from egorear_ros.names import POSE_TOPIC, image_topic

        self._pose = graph.tester.create_publisher(BodyPose, POSE_TOPIC, results_qos())
        self._images = {
            view: graph.tester.create_publisher(CompressedImage, image_topic(view), camera_qos())
            for view in load_rig("ego4view_syn").views
        }
        self._numbers = itertools.count()

    def readers(self) -> list[int]:
        """Return how many listen to each topic."""
        return [publisher.get_subscription_count() for publisher in (self._pose, *self._images.values())]

    def send(self, colour: tuple[int, int, int]) -> None:
        """Publish the next moment."""
        from egorear_ros.bridge.images import compressed_from_frame
        from egorear_ros.bridge.messages import msg_from_body_pose
        from egorear_ros.structures import Frame

        stamp_ns = BEGIN_NS + next(self._numbers) * STEP_NS
        bgr = np.full((64, 64, 3), colour[::-1], np.uint8)
        data = cv2.imencode(".jpg", bgr)[1].tobytes()
        for view, publisher in self._images.items():
            publisher.publish(compressed_from_frame(Frame(view, stamp_ns, "jpeg", data), view, 90))
        self._pose.publish(msg_from_body_pose(rig_data.body_pose(stamp_ns), "", "wearer", stamp_ns + 40_000_000))


class Viewer:
    """The program, as it is started in a terminal."""

    def __init__(self, namespace: str, log: Path) -> None:
        command = [sys.executable, "-m", "egorear_ros.cli", "view", "live", "--namespace", namespace, "--port", "0"]
        command += ["--calib", "ego4view_syn", "--rate", "0", "--width", "64", "--wait", "60"]
        self.log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)

    def address(self) -> str:
        """Return the address of its page; empty while it has said none."""
        said = self.log.read_text()
        assert self.process.poll() is None, said
        found = re.search(r"Open (http://127\.0\.0\.1:\d+/)", said)
        return found[1] if found else ""

    def interrupt(self) -> int:
        """Press Ctrl-C and return the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(END_S)


@pytest.fixture
def viewer(graph: Graph, tmp_path: Path) -> Iterator[Viewer]:
    for module in ("rerun", "rerun_cli"):
        pytest.importorskip(module, reason="needs rerun-sdk: pip install -r requirements/view.txt")
    find_chromium()
    running = Viewer(graph.namespace, tmp_path / "viewer.log")
    yield running
    with contextlib.suppress(ProcessLookupError):
        running.process.kill()
    running.process.wait()


def test_the_window_shows_the_graph_while_somebody_looks(graph: Graph, viewer: Viewer, tmp_path: Path) -> None:
    rig = TinyRig(graph)
    url = graph.until(viewer.address, "the viewer says its address")
    assert rig.readers() == [0] * 5, "nobody looks"
    with Page(1280, 800) as page:
        page.open(url)
        page.wait(lambda: min(rig.readers()) == 1, "the viewer listens to poses and images of all cameras")
        picture = tmp_path / "live.png"
        page.wait(lambda: sent(rig, RED) and share(page, picture, is_red) > 0.1, "the window is full of red images")
        assert share(page, picture, is_green) < 0.01
        page.wait(lambda: sent(rig, GREEN) and share(page, picture, is_green) > 0.1, "the window goes with the graph")
        assert share(page, picture, is_red) < 0.01
        assert {address.split(":")[1] for address in page.requests if "://" in address} <= {"//127.0.0.1"}
    graph.until(lambda: rig.readers() == [0] * 5, "the viewer leaves the graph alone when its window is closed")
    assert viewer.interrupt() == 0
    assert "Traceback" not in viewer.log.read_text()


def sent(rig: TinyRig, colour: tuple[int, int, int]) -> bool:
    """Publish some more moments, as a graph that goes on."""
    for _ in range(3):
        rig.send(colour)
    return True


def is_red(red: np.ndarray, green: np.ndarray, blue: np.ndarray) -> np.ndarray:
    return (red > 190) & (green < 60) & (blue < 60)


def is_green(red: np.ndarray, green: np.ndarray, blue: np.ndarray) -> np.ndarray:
    return (green > 160) & (red < 60) & (blue < 60)


def share(page: Page, path: Path, kind: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]) -> float:
    """Return the share of the window that has a colour."""
    image = cv2.imdecode(np.frombuffer(page.screenshot(path), np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    blue, green, red = (image[..., channel].astype(int) for channel in range(3))
    return float(kind(red, green, blue).mean())
