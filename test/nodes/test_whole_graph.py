"""From images to joints through real processes, seen from outside as any ROS tool would."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rig_data
import yaml
from harness import Graph

from egorear_ros.names import TRUTH_TOPIC, rig_topics

pytestmark = [pytest.mark.ros, pytest.mark.slow]

RATE_HZ = 4.0
PREFIX = "alice/"


@pytest.fixture(params=["one process", "a process per node"])
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Four cameras that play images, sync, a pose node with a small model, and visual; in a namespace."""
    for view in rig_data.VIEWS:
        (tmp_path / view).mkdir()
        for index in range(4):
            (tmp_path / view / f"{index}.jpg").write_bytes(rig_data.jpeg(109, 109, grey=50 * index))
    sections = {
        "/**": {"source": {"kind": "images", "path": str(tmp_path), "rate_hz": RATE_HZ}, "frame_prefix": PREFIX},
        "/**/sync": {"max_wait_ms": 2000.0},
        "/**/pose": {"estimator": {"checkpoint": str(rig_data.tiny_checkpoint(tmp_path / "tiny.safetensors"))}},
    }
    params = tmp_path / "rig.yaml"
    params.write_text(yaml.safe_dump({name: {"ros__parameters": values} for name, values in sections.items()}))
    command = [sys.executable, "-m", "egorear_ros.cli", "run", str(params), "--namespace", "lab"]
    command += ["--separate"] if request.param == "a process per node" else []
    with (tmp_path / "graph.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    yield process
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(120)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        pytest.fail(f"the graph did not end:\n{(tmp_path / 'graph.log').read_text()[-3000:]}")
    log_text = (tmp_path / "graph.log").read_text()
    assert "Traceback" not in log_text, log_text


class Heard:
    """Everything that the graph publishes."""

    def __init__(self, graph: Graph) -> None:
        from egorear_ros.msg import BodyPose, FrameSet, SyncStatus
        from sensor_msgs.msg import CameraInfo, CompressedImage
        from tf2_msgs.msg import TFMessage
        from visualization_msgs.msg import MarkerArray

        from egorear_ros.bridge.qos import camera_qos, latched_qos, results_qos, tf_qos

        self.poses = graph.listen(BodyPose, "/lab/body_pose", results_qos())
        self.arrays = graph.listen(MarkerArray, "/lab/body_markers", results_qos())
        self.sets = graph.listen(FrameSet, "/lab/frame_set", results_qos())
        self.statuses = graph.listen(SyncStatus, "/lab/sync_status", results_qos())
        self.transforms = graph.listen(TFMessage, "/tf", tf_qos())
        self.fixed = graph.listen(TFMessage, "/tf_static", latched_qos())
        views = rig_data.VIEWS
        self.images = {
            view: graph.listen(CompressedImage, f"/lab/{view}/image_raw/compressed", camera_qos()) for view in views
        }
        self.infos = {view: graph.listen(CameraInfo, f"/lab/{view}/camera_info", camera_qos()) for view in views}
        self.overlays = {
            view: graph.listen(CompressedImage, f"/lab/{view}/overlay/compressed", camera_qos()) for view in views
        }

    def everything(self) -> list[list[Any]]:
        """Return the lists of all topics."""
        by_view = (self.images, self.infos, self.overlays)
        own = [self.poses, self.arrays, self.sets, self.statuses, self.transforms, self.fixed]
        return own + [heard for topics in by_view for heard in topics.values()]

    def headers(self) -> list[Any]:
        """Return every header that came."""
        messages = [message for heard in self.everything() for message in heard]
        inner = [
            part
            for message in messages
            for name in ("markers", "images", "transforms")
            for part in getattr(message, name, ())
        ]
        return [one.header for one in (*messages, *inner) if hasattr(one, "header")]

    def transforms_of(self, pose: Any) -> list[Any]:
        """Return the transforms of a pose, a list per message."""
        return [one.transforms for one in self.transforms if one.transforms[0].header.stamp == pose.header.stamp]

    def markers_of(self, pose: Any) -> list[Any]:
        """Return the markers of a pose, a list per message."""
        return [one.markers for one in self.arrays if one.markers[0].header.stamp == pose.header.stamp]

    def complete_poses(self) -> list[Any]:
        """Return the poses of which transforms and markers came as well."""
        return [pose for pose in list(self.poses) if self.transforms_of(pose) and self.markers_of(pose)]

    def pose_stamps(self) -> set[tuple[int, int]]:
        """Return (s, ns) of all poses."""
        return {(pose.header.stamp.sec, pose.header.stamp.nanosec) for pose in list(self.poses)}

    def overlay_stamps(self) -> set[tuple[int, int]]:
        """Return (s, ns) of all overlays."""
        overlays = [overlay for heard in self.overlays.values() for overlay in list(heard)]
        return {(overlay.header.stamp.sec, overlay.header.stamp.nanosec) for overlay in overlays}

    def parents(self) -> dict[str, str]:
        """Return the TF tree as parent by child."""
        messages = [*self.fixed, *self.transforms]
        return {one.child_frame_id: one.header.frame_id for message in messages for one in message.transforms}


def test_from_image_to_joint_frame(running: "subprocess.Popen[bytes]", graph: Graph) -> None:
    from egorear_ros.msg import BodyPose

    from egorear_ros.bridge.stamps import ns_from_time
    from egorear_ros.geometry.rig_file import load_rig

    heard = Heard(graph)
    graph.until(lambda: len(heard.poses) >= 6 and all(heard.everything()), "messages on all topics", timeout_s=300.0)
    # The graph goes on: what follows is of the newest pose of which everything has arrived.
    graph.until(heard.complete_poses, "a pose with its transforms and markers", timeout_s=180.0)
    pose = heard.complete_poses()[-1]

    # A pose has the stamp of the exposure, which is a tick that all cameras share.
    def common_ns() -> set[int]:
        stamps = [{ns_from_time(image.header.stamp) for image in list(heard.images[view])} for view in rig_data.VIEWS]
        return set.intersection(*stamps)

    def shown_ns() -> list[int]:
        return [ns_from_time(pose.header.stamp) for pose in list(heard.poses)]

    graph.until(lambda: len(common_ns() & set(shown_ns())) >= 3, "three moments from image to pose", timeout_s=180.0)
    poses_ns = shown_ns()
    assert all(stamp_ns % round(1e9 / RATE_HZ) == 0 for stamp_ns in poses_ns)
    assert poses_ns == sorted(set(poses_ns))
    for view in rig_data.VIEWS:
        infos = heard.infos[view]
        graph.until(
            lambda infos=infos: common_ns() & {ns_from_time(info.header.stamp) for info in list(infos)},
            f"an image of {view} with its camera_info",
        )
    graph.until(lambda: heard.overlay_stamps() <= heard.pose_stamps(), "the poses of all overlays", timeout_s=180.0)
    assert pose.tracking_state == BodyPose.OK
    assert tuple(pose.camera_names) == rig_data.VIEWS
    assert pose.latency_s > 0.0

    # Message, TF and markers are the same joints.
    (transforms,) = heard.transforms_of(pose)
    (markers,) = heard.markers_of(pose)
    positions = [(point.x, point.y, point.z) for point in pose.positions]
    moved = [one.transform.translation for one in transforms]
    np.testing.assert_allclose([(one.x, one.y, one.z) for one in moved], positions, atol=1e-9)
    np.testing.assert_allclose([(one.x, one.y, one.z) for one in markers[0].points], positions, atol=1e-5)

    # Every frame that anybody names hangs below rig_link.
    parents, root = heard.parents(), f"{PREFIX}rig_link"
    names = {header.frame_id for header in heard.headers()} | set(parents)
    for name in names:
        above = name
        for _ in range(5):
            above = parents.get(above, above)
        assert above == root, f"{name} does not hang below {root}"
    assert root not in parents
    joints = {PREFIX + name for name in pose.joint_names}
    optical = {f"{PREFIX}{view}_optical" for view in load_rig("ego4view_syn").views}
    assert names == {root, f"{PREFIX}device"} | joints | optical

    # What `names` lists is what there is; the truth only the synthetic wearer knows.
    expected = {topic if topic.startswith("/") else f"/lab/{topic}" for topic in rig_topics(rig_data.VIEWS)}
    expected.remove(f"/lab/{TRUTH_TOPIC}")
    assert {topic for topic in expected if not graph.tester.count_publishers(topic)} == set()
