"""Which nodes a rig needs, and all of them together in one process."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rig_data
import yaml
from harness import Graph

from egorear_ros.config import ConfigError

pytest.importorskip("rclpy")
pytestmark = pytest.mark.ros

VIEWS = ("front_left", "front_right", "back_left", "back_right")


def params_file(path: Path, **sections: dict[str, Any]) -> list[str]:
    """Write a parameter file, `all_` standing for `/**`, and return the ROS arguments that load it."""
    keys = {name: "/**" if name == "all_" else f"/**/{name}" for name in sections}
    path.write_text(yaml.safe_dump({keys[name]: {"ros__parameters": values} for name, values in sections.items()}))
    return ["--ros-args", "--params-file", str(path)]


def plan_of(ros_args: list[str], **kwargs: Any) -> dict[str, dict[str, Any]]:
    from egorear_ros.nodes.graph import Request, plan

    return {spec.name: dict(spec.overrides) for spec in plan(Request(ros_args, **kwargs))}


def test_a_rig_has_a_camera_per_view_and_the_truth_where_it_is_known(tmp_path: Path) -> None:
    images = params_file(tmp_path / "a.yaml", all_={"source": {"kind": "images", "path": "/images"}})
    assert list(plan_of(images)) == ["sync", *(f"camera_{view}" for view in VIEWS), "visual", "pose"]
    wearer = params_file(tmp_path / "b.yaml", all_={"source": {"kind": "wearer", "seed": 5}})
    assert "wearer" in plan_of(wearer)


def test_cameras_that_show_different_bodies_have_no_truth(tmp_path: Path) -> None:
    two = params_file(
        tmp_path / "a.yaml",
        all_={"source": {"kind": "wearer", "seed": 5}},
        camera_back_left={"source": {"seed": 6}},
    )
    assert "wearer" not in plan_of(two)


def test_the_truth_shows_what_the_cameras_show_wherever_that_is_said(tmp_path: Path) -> None:
    sections = {f"camera_{view}": {"source": {"kind": "wearer", "seed": 9, "rate_hz": 7.0}} for view in VIEWS}
    overrides = plan_of(params_file(tmp_path / "a.yaml", **sections))["wearer"]
    assert (overrides["source.kind"], overrides["source.seed"], overrides["source.rate_hz"]) == ("wearer", 9, 7.0)


def test_views_come_from_the_calibration_of_files_or_of_the_command_line(tmp_path: Path) -> None:
    from egorear_ros.geometry.rig_file import load_rig, save_rig

    front = tmp_path / "front.yaml"
    save_rig(load_rig("ego4view_syn").select(VIEWS[:2]), front)
    from_file = params_file(tmp_path / "a.yaml", all_={"calib": str(front)})
    cameras = ["camera_front_left", "camera_front_right"]
    assert [name for name in plan_of(from_file) if name.startswith("camera")] == cameras
    wins = params_file(tmp_path / "b.yaml", all_={"calib": "ego4view_syn"}, sync={"calib": "ego4view_syn"})
    nodes = plan_of(wins, calib=str(front))
    assert [name for name in nodes if name.startswith("camera")] == cameras
    assert all(overrides["calib"] == str(front) for overrides in nodes.values())


def test_a_recording_replaces_the_cameras_and_makes_the_time(tmp_path: Path) -> None:
    nodes = plan_of(params_file(tmp_path / "a.yaml", all_={}), bag="/recording", use_sim_time=True)
    assert list(nodes) == ["sync", "visual", "pose", "player"]
    assert nodes["player"]["wait_for"] == "sync,pose"
    assert nodes["player"]["bag"] == "/recording" and "use_sim_time" not in nodes["player"]
    assert all(nodes[name]["use_sim_time"] is True for name in ("sync", "visual", "pose"))


def test_an_evaluation_beside_a_recording_is_named_after_it(tmp_path: Path) -> None:
    files = params_file(tmp_path / "a.yaml", all_={})
    nodes = plan_of(files, bag="/data/ride", evaluate="/results", use_sim_time=True)
    assert list(nodes) == ["sync", "visual", "pose", "evaluate", "player"]
    assert nodes["evaluate"] == {"out": "/results", "recording": "ride", "use_sim_time": True}
    assert nodes["player"]["wait_for"] == "sync,pose,evaluate"
    assert plan_of(files, evaluate="/results")["evaluate"] == {"out": "/results"}


def test_the_more_specific_parameter_wins(tmp_path: Path) -> None:
    parameters = {"": {"jpeg_quality": 10}, "camera": {"jpeg_quality": 20}, "camera_back_left": {"jpeg_quality": 30}}
    nodes = plan_of(params_file(tmp_path / "a.yaml", all_={}), parameters=parameters)
    assert nodes["camera_front_left"]["jpeg_quality"] == 20
    assert nodes["camera_back_left"]["jpeg_quality"] == 30


def test_mistakes_are_named(tmp_path: Path) -> None:
    from egorear_ros.geometry.rig_file import CalibrationError

    good = params_file(tmp_path / "a.yaml", all_={})
    with pytest.raises(ConfigError, match="camera_top.*camera_front_left"):
        plan_of(good, parameters={"camera_top": {"jpeg_quality": 10}})
    with pytest.raises(CalibrationError, match=r"nowhere\.yaml"):
        plan_of(good, calib=str(tmp_path / "nowhere.yaml"))
    (tmp_path / "broken.yaml").write_text("/**: {ros__parameters: [")
    with pytest.raises(ConfigError, match=r"broken\.yaml"):
        plan_of(["--ros-args", "--params-file", str(tmp_path / "broken.yaml")])


@pytest.mark.parametrize(("section", "meant"), [("camera_front_lft", "camera_front_left"), ("snc", "sync")])
def test_a_section_that_fits_no_node_is_refused(tmp_path: Path, section: str, meant: str) -> None:
    ros_args = params_file(tmp_path / "params.yaml", **{section: {"source.kind": "v4l2"}})
    with pytest.raises(ConfigError, match=rf"{section}' fits no node.*Did you mean {meant}\?"):
        plan_of(ros_args)


@pytest.fixture
def sequence(tmp_path: Path) -> Path:
    """A sequence of five moments, images and ground truth."""
    import cv2

    from egorear_ros.skeleton import EGO4VIEW

    folder = tmp_path / "sequence"
    for view in VIEWS:
        images = folder / "fisheye_rgb" / f"camera_{view}"
        images.mkdir(parents=True)
        for index in range(5):
            cv2.imwrite(str(images / f"{index}.jpg"), np.full((109, 109, 3), 40 * index, np.uint8))
    (folder / "json_smplx_gendered").mkdir()
    for index in range(5):
        joints = {
            name: {"device_pts3d": [10.0 * index, 5.0 * joint, 100.0]}
            for joint, name in enumerate(EGO4VIEW.dataset_names)
        }
        (folder / "json_smplx_gendered" / f"{index}.json").write_text(json.dumps({"joints": joints}))
    return folder


class WholeGraph:
    """All nodes of a rig in one process, and everything they publish."""

    def __init__(self, graph: Graph, ros_args: list[str], prefix: str) -> None:
        from egorear_ros.bridge.handover import Handover
        from egorear_ros.nodes.graph import Request, make, plan

        self.handover = Handover()
        specs = plan(Request(ros_args, frame_prefix=prefix))
        kwargs = {**graph.kwargs, "cli_args": ros_args}
        # As in `egorear run`, all nodes are there before one of them starts and looks who is in its process.
        self.nodes = {spec.name: make(spec, self.handover, **kwargs) for spec in specs}
        for node in self.nodes.values():
            graph.add(node)


@pytest.fixture
def whole(graph: Graph, sequence: Path, tmp_path: Path) -> WholeGraph:
    checkpoint = rig_data.tiny_checkpoint(tmp_path / "tiny.safetensors")
    ros_args = params_file(
        tmp_path / "rig.yaml",
        all_={"source": {"kind": "sequence", "path": str(sequence), "rate_hz": 10.0}},
        sync={"max_wait_ms": 90.0},
        pose={"estimator": {"checkpoint": str(checkpoint)}, "runtime": {"device": "cpu", "threads": 1}},
        visual={"overlay_rate_hz": 10.0},
    )
    return WholeGraph(graph, ros_args, prefix=f"{graph.namespace.strip('/')}/")


def test_every_frame_that_any_node_names_is_in_the_tree(graph: Graph, whole: WholeGraph) -> None:
    from diagnostic_msgs.msg import DiagnosticArray
    from egorear_ros.msg import BodyPose, FrameSet, SyncStatus
    from sensor_msgs.msg import CameraInfo, CompressedImage
    from tf2_msgs.msg import TFMessage
    from visualization_msgs.msg import MarkerArray

    from egorear_ros.bridge.qos import camera_qos, latched_qos, results_qos, tf_qos

    prefix = next(iter(whole.nodes.values())).config.frame_prefix
    heard = {
        "frame_set": graph.listen(FrameSet, "frame_set", results_qos()),
        "sync_status": graph.listen(SyncStatus, "sync_status", results_qos()),
        "body_pose": graph.listen(BodyPose, "body_pose", results_qos()),
        "ground_truth": graph.listen(BodyPose, "ground_truth/body_pose", results_qos()),
        "markers": graph.listen(MarkerArray, "body_markers", results_qos()),
        "tf": graph.listen(TFMessage, "/tf", tf_qos()),
        "tf_static": graph.listen(TFMessage, "/tf_static", latched_qos()),
    }
    for view in VIEWS:
        heard[f"{view} image"] = graph.listen(CompressedImage, f"{view}/image_raw/compressed", camera_qos())
        heard[f"{view} info"] = graph.listen(CameraInfo, f"{view}/camera_info", camera_qos())
        heard[f"{view} overlay"] = graph.listen(CompressedImage, f"{view}/overlay/compressed", camera_qos())
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics", results_qos())
    graph.until(
        lambda: all(heard.values()), f"all topics; silent: {[name for name, one in heard.items() if not one]}", 180
    )
    graph.until(lambda: diagnostics, "diagnostics")

    parents = {}
    for message in [*heard["tf"], *heard["tf_static"]]:
        for transform in message.transforms:
            if transform.child_frame_id.startswith(prefix):
                parents[transform.child_frame_id] = transform.header.frame_id
    assert f"{prefix}rig_link" not in parents  # nothing above the rig is ours to say

    def resolves(frame_id: str) -> bool:
        return frame_id == f"{prefix}rig_link" or (frame_id in parents and resolves(parents[frame_id]))

    named = {
        message.header.frame_id
        for name, one in heard.items()
        if "tf" not in name and name != "markers"
        for message in one
    }
    named |= {image.header.frame_id for message in heard["frame_set"] for image in message.images}
    named |= {marker.header.frame_id for message in heard["markers"] for marker in message.markers}
    assert {f"{prefix}{view}_optical" for view in VIEWS} | {f"{prefix}rig_link"} <= named
    assert [frame_id for frame_id in named if not resolves(frame_id)] == []
    # One node sends the static frames, in one message.
    assert graph.tester.count_publishers("/tf_static") == 1
    assert len([one for one in heard["tf_static"] if one.transforms[0].child_frame_id.startswith(prefix)]) == 1


def test_pose_and_truth_have_the_stamps_of_the_images(graph: Graph, whole: WholeGraph) -> None:
    from egorear_ros.msg import BodyPose
    from sensor_msgs.msg import CompressedImage

    from egorear_ros.bridge.qos import camera_qos, results_qos
    from egorear_ros.bridge.stamps import ns_from_time

    images = graph.listen(CompressedImage, "back_left/image_raw/compressed", camera_qos())
    poses = graph.listen(BodyPose, "body_pose", results_qos())
    truths = graph.listen(BodyPose, "ground_truth/body_pose", results_qos())

    def stamps(messages: list[Any]) -> set[int]:
        return {ns_from_time(message.header.stamp) for message in list(messages)}

    graph.until(lambda: stamps(images) & stamps(poses) & stamps(truths), "one moment on all three", 180)
    # The truth is the annotation of the image shown at that stamp: x is 0.1 m per frame, in the rig frame -y.
    import cv2

    by_stamp = {ns_from_time(one.header.stamp): one for one in list(images)}
    common = [one for one in list(truths) if ns_from_time(one.header.stamp) in by_stamp]
    for truth in common:
        image = by_stamp[ns_from_time(truth.header.stamp)]
        index = round(cv2.imdecode(np.frombuffer(image.data, np.uint8), 0).mean() / 40)
        assert truth.positions[0].y == pytest.approx(-0.1 * index, abs=1e-6)
        assert truth.model_id == "ground_truth"


def test_images_are_not_serialised_while_nobody_listens(graph: Graph, whole: WholeGraph, monkeypatch: Any) -> None:
    from egorear_ros.msg import BodyPose

    from egorear_ros.bridge.qos import results_qos
    from egorear_ros.nodes import camera as camera_module
    from egorear_ros.nodes import sync as sync_module

    calls: list[str] = []
    for module, name in ((camera_module, "compressed_from_frame"), (sync_module, "msg_from_frame_set")):
        original = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *args, _f=original, _n=name: (calls.append(_n), _f(*args))[1])
    poses = graph.listen(BodyPose, "body_pose", results_qos())
    graph.until(lambda: len(poses) >= 3, "poses", 180)
    assert calls == []
    assert graph.tester.count_subscribers(f"{graph.namespace}/front_left/image_raw/compressed") == 0
