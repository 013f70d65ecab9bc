"""The evaluate node: passes, time that jumps back, and the same numbers as without ROS."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import bag_data
import numpy as np
import pytest
import rig_data
from harness import Graph
from recording_data import COUNT, tiny_weights, write

from egorear_eval.clip import Clip, load_clips
from egorear_ros.structures import TrackingState

pytest.importorskip("rclpy")
pytestmark = pytest.mark.ros

BEGIN_NS = bag_data.BEGIN_NS
PATIENT_WAIT_MS = 600
REPOSITORY = Path(__file__).resolve().parents[2]


class Evaluated:
    """An evaluate node, and publishers of poses and truths."""

    def __init__(self, graph: Graph, out: Path, **values: Any) -> None:
        from egorear_ros.msg import BodyPose
        from rclpy.parameter import Parameter

        from egorear_ros.bridge.qos import results_qos
        from egorear_ros.nodes.evaluate import EvaluateNode

        self.graph, self.out = graph, out
        overrides = [Parameter(name, value=value) for name, value in {"out": str(out), **values}.items()]
        self.node = graph.add(EvaluateNode(parameter_overrides=overrides, **graph.kwargs))
        self._poses, self._truths = (
            graph.tester.create_publisher(BodyPose, topic, results_qos(100))
            for topic in ("body_pose", "ground_truth/body_pose")
        )
        graph.until(
            lambda: self.node.active and all(p.get_subscription_count() for p in (self._poses, self._truths)), "ready"
        )

    def send(self, index: int, off_m: float = 0.01, truth: bool = True, state: int = 1) -> None:
        from egorear_ros.bridge.messages import msg_from_body_pose

        stamp_ns = BEGIN_NS + index * bag_data.PERIOD_NS
        pose = replace(rig_data.body_pose(stamp_ns, TrackingState(state)), joints_device=bag_data.joints_device(index))
        if truth:
            self._truths.publish(msg_from_body_pose(pose, "", "wearer", stamp_ns))
        off = replace(pose, joints_device=pose.joints_device + np.array([off_m, 0.0, 0.0]), model_id="shifted")
        self._poses.publish(msg_from_body_pose(off, "", "wearer", stamp_ns + 20_000_000))

    def values(self) -> dict[str, Any]:
        (health,) = list(self.node.health())
        return {**health.values, "message": health.message}

    def wait(self, name: str, value: Any) -> dict[str, Any]:
        self.graph.until(lambda: self.values()[name] == value, f"{name} == {value}")
        return self.values()

    def finish(self) -> Any:
        from std_srvs.srv import Trigger

        return self.graph.call(Trigger, "evaluate/finish", Trigger.Request())

    def clip(self, number: int) -> Clip:
        (clip,) = load_clips(self.out / f"pass_{number}")
        return clip


def test_poses_are_compared_with_the_truth_of_their_stamp(graph: Graph, tmp_path: Path) -> None:
    evaluated = Evaluated(graph, tmp_path, recording="ride")
    for index in range(5):
        evaluated.send(index)
    evaluated.send(5, state=int(TrackingState.LOST), truth=False)
    values = evaluated.wait("poses compared", 5)
    evaluated.wait("poses without a body", 1)
    assert values["mpjpe_mm"] == pytest.approx(10.0) and "MPJPE 10.0 mm over 5 of 5" in values["message"]
    answer = evaluated.finish()
    assert answer.success and answer.message == str(tmp_path / "pass_1")
    clip = evaluated.clip(1)
    assert clip.name == "ride" and clip.frames == tuple(str(BEGIN_NS + n * bag_data.PERIOD_NS) for n in range(5))
    facts = json.loads((tmp_path / "pass_1" / "scores.json").read_text())
    assert facts["model"] == "shifted" and facts["recording"]["dropped"] == {"no body found": 1}
    assert facts["scores"]["By recording or motion clip"]["ride"]["means"]["mpjpe_mm"] == pytest.approx(10.0)
    with np.load(tmp_path / "pass_1" / "timing.npz") as timing:
        np.testing.assert_allclose(timing["capture to publish"], 20.0, rtol=1e-5)


def test_what_cannot_be_compared_is_refused(graph: Graph, tmp_path: Path) -> None:
    evaluated = Evaluated(graph, tmp_path, frame_prefix="me/")
    evaluated.send(0)
    graph.until(lambda: evaluated.node.warn.total >= 2, "warnings about pose and truth of another frame")
    values = evaluated.values()
    assert values["poses"] == 0 and values["ground truths"] == 0


def test_a_jump_back_begins_the_next_pass_and_the_end_writes_the_last(graph: Graph, tmp_path: Path) -> None:
    (tmp_path / "pass_1").mkdir()  # of an earlier run, which is not touched
    evaluated = Evaluated(graph, tmp_path)
    for index in range(20):
        evaluated.send(index)
    evaluated.wait("poses compared", 20)
    for index in range(2, 6):
        evaluated.send(index, off_m=0.02)
    evaluated.wait("poses compared", 4)
    graph.remove(evaluated.node)
    assert [len(evaluated.clip(number)) for number in (2, 3)] == [20, 4]
    np.testing.assert_allclose((evaluated.clip(3).predicted - evaluated.clip(3).truth)[..., 0], 0.02, atol=1e-9)
    assert not list((tmp_path / "pass_1").iterdir())


def test_without_truth_poses_are_counted(graph: Graph, tmp_path: Path) -> None:
    evaluated = Evaluated(graph, tmp_path)
    assert "no pose yet on" in evaluated.values()["message"]
    for index in range(3):
        evaluated.send(index, truth=False)
    assert "no ground truth on" in evaluated.wait("poses", 3)["message"]
    assert evaluated.finish().success
    recording = json.loads((tmp_path / "pass_1" / "scores.json").read_text())["recording"]
    assert recording["ground_truth"] is None and (recording["estimated"], recording["compared"]) == (3, 0)
    assert not evaluated.finish().message.endswith("pass_2")  # a pass without poses leaves nothing


def test_live_and_offline_agree(graph: Graph, tmp_path: Path) -> None:
    """Player, synchronizer, network and evaluation as nodes, in a loop; and the same recording without ROS."""
    from rclpy.parameter import Parameter

    from egorear_ros.nodes.player import PlayerNode
    from egorear_ros.nodes.pose import PoseNode
    from egorear_ros.nodes.sync import SyncNode

    weights = tiny_weights(tmp_path)
    bag = write(tmp_path / "bag", namespace=graph.namespace, count=2 * COUNT)
    reference = _offline(bag, weights, tmp_path / "offline")
    out = tmp_path / "live"
    Evaluated(graph, out, recording="bag", use_sim_time=True)
    common = {"use_sim_time": True}
    pose = {**common, "estimator.checkpoint": str(weights), "publish_tf": False}
    player = {"bag": str(bag), "wait_for": "sync,pose,evaluate", "loop": True, "rate": 0.5}
    # Simulated time goes on while a busy machine delivers images: sets may wait long for their last one.
    sync = {**common, "max_wait_ms": float(PATIENT_WAIT_MS)}
    for kind, values in ((SyncNode, sync), (PoseNode, pose), (PlayerNode, player)):
        overrides = [Parameter(name, value=value) for name, value in values.items()]
        graph.add(kind(parameter_overrides=overrides, **graph.kwargs))

    places = {frame: index for index, frame in enumerate(reference.frames)}
    whole: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def enough() -> bool:
        """On a busy machine images are lost and sets skipped: passes add up."""
        for folder in out.glob("pass_*"):
            for clip in load_clips(folder) if (folder / "estimates.npz").is_file() else []:
                assert clip.name == "bag" and len(set(clip.frames)) == len(clip.frames)
                for index, frame in enumerate(clip.frames):
                    if clip.view_counts[index] == 4:
                        whole[frame] = clip.predicted[index], clip.truth[index]
        return len(whole) >= COUNT and len(list(out.glob("pass_*"))) >= 2

    graph.until(enough, "two passes, and enough whole sets in them", timeout_s=300.0)
    assert set(whole) <= set(places)
    for frame, (predicted, truth) in whole.items():
        np.testing.assert_allclose(1e3 * predicted, 1e3 * reference.predicted[places[frame]], rtol=0, atol=1e-4)
        np.testing.assert_allclose(truth, reference.truth[places[frame]], rtol=0, atol=1e-12)


def test_the_end_of_a_recording_ends_the_graph_with_results(tmp_path: Path) -> None:
    """`egorear run --bag --evaluate` as a process of its own."""
    bag = write(tmp_path / "ride")
    command = [sys.executable, "-m", "egorear_ros.cli", "run", "replay", "--bag", str(bag), "--evaluate"]
    command += [str(tmp_path / "out"), "-p", f"pose.estimator.checkpoint:={tiny_weights(tmp_path)}"]
    done = subprocess.run(
        [*command, "-p", "player.rate:=0.5"], cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (clip,) = load_clips(tmp_path / "out" / "pass_1")
    assert clip.name == "ride" and 0 < len(clip) <= COUNT
    assert f"{len(clip)} of {len(clip)} poses compared" in done.stdout + done.stderr


def _offline(bag: Path, weights: Path, out: Path) -> Clip:
    from egorear_ros.cli import main

    wait = ["--max-wait-ms", str(PATIENT_WAIT_MS)]
    assert main(["eval", "bag", str(bag), "--checkpoint", str(weights), "--out", str(out), *wait]) == 0
    (clip,) = load_clips(out)
    assert len(clip) == 2 * COUNT
    return clip
