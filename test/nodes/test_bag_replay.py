"""A recording made without ROS plays in a real ROS graph, and the graph records what it would have."""

from pathlib import Path
from typing import Any

import bag_data
import numpy as np
import pytest
from harness import Graph

pytest.importorskip("rclpy")
pytestmark = pytest.mark.ros

COUNT = 12


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_a_sequence_plays_through_the_graph(graph: Graph, tmp_path: Path, compression: str) -> None:
    """Sequence, recording, player, synchronizer: the sets and the truth are those of the files."""
    from egorear_ros.msg import BodyPose, FrameSet
    from rclpy.parameter import Parameter
    from sensor_msgs.msg import CameraInfo

    from egorear_ros.bags.sequence import BagOptions, write_sequence_bag
    from egorear_ros.bridge.messages import body_pose_from_msg, frame_set_from_msg
    from egorear_ros.bridge.qos import camera_qos, results_qos
    from egorear_ros.bridge.stamps import ns_from_time
    from egorear_ros.nodes.player import PlayerNode
    from egorear_ros.nodes.sync import SyncNode

    stems = [str(index) for index in range(COUNT)]
    sequence = bag_data.write_sequence(tmp_path / "seq", stems)
    options = BagOptions(namespace=graph.namespace, compression=compression)
    write_sequence_bag(sequence, bag_data.rig(), tmp_path / "bag", 20.0, options)

    sets: list[Any] = graph.listen(FrameSet, "frame_set", results_qos(depth=100))
    truths: list[Any] = graph.listen(BodyPose, "ground_truth/body_pose", results_qos(depth=100))
    infos: list[Any] = graph.listen(CameraInfo, "back_right/camera_info", camera_qos())
    graph.add(SyncNode(parameter_overrides=[Parameter("use_sim_time", value=True)], **graph.kwargs))
    # On a busy machine best-effort images are lost: the recording plays again until every moment has come.
    values = {"bag": str(tmp_path / "bag"), "wait_for": "sync", "loop": True}
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    graph.add(PlayerNode(parameter_overrides=overrides, **graph.kwargs))
    stamps = [1_700_000_000 * 10**9 + index * 50_000_000 for index in range(COUNT)]

    def arrived() -> bool:
        whole = {ns_from_time(one.header.stamp) for one in list(sets) if len(one.views) == 4}
        return whole == set(stamps) == {ns_from_time(one.header.stamp) for one in list(truths)} and bool(infos)

    graph.until(arrived, "all frame sets and all truths", 60.0)

    for message in list(sets):
        frames = frame_set_from_msg(message)
        index = stamps.index(frames.stamp_ns)
        assert frames.skew_ns == 0
        for view, frame in frames.frames.items():
            assert frame.data == (sequence / "fisheye_rgb" / f"camera_{view}" / f"{index}.jpg").read_bytes()
    for message in list(truths):
        truth = body_pose_from_msg(message)
        expected = bag_data.joints_device(stamps.index(truth.stamp_ns))
        np.testing.assert_allclose(truth.joints_device, expected, atol=1e-12)
    assert infos[0].distortion_model == "equidistant" and infos[0].width == bag_data.IMAGE_PX
