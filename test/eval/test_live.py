"""A live pass without ROS: poses and truths in any order, and what is written of them."""

import json
from dataclasses import replace
from pathlib import Path

import bag_data
import numpy as np
import pytest
import rig_data

from egorear_eval.clip import load_clips
from egorear_eval.live import PATIENCE_NS, LivePass, next_pass_folder
from egorear_ros.bags.truth import JointTrack
from egorear_ros.structures import BodyPose, TrackingState

MS_NS = 1_000_000


def pose(index: int, off_m: float = 0.01, state: TrackingState = TrackingState.OK) -> BodyPose:
    joints = bag_data.joints_device(index) + np.array([off_m, 0.0, 0.0])
    return replace(rig_data.body_pose(stamp_ns(index), state), joints_device=joints)


def stamp_ns(index: int) -> int:
    return bag_data.BEGIN_NS + index * bag_data.PERIOD_NS


def test_poses_meet_their_truth_whichever_comes_first() -> None:
    live, truth = LivePass(), JointTrack()
    live.add(pose(0, off_m=0.01), 0.02)
    live.meet(truth, 8 * MS_NS)
    assert live.running.compared == 0 and np.isnan(live.running.mpjpe_mm)
    truth.add(stamp_ns(0), bag_data.joints_device(0))
    truth.add(stamp_ns(1) + 3 * MS_NS, bag_data.joints_device(1))
    live.meet(truth, 8 * MS_NS)
    live.add(pose(1, off_m=0.03), 0.02)
    live.meet(truth, 8 * MS_NS)
    live.meet(truth, 8 * MS_NS)  # nothing counts twice
    assert live.running.compared == 2 and live.running.mpjpe_mm == pytest.approx(20.0)


def test_a_pose_waits_for_its_truth_for_a_while_only() -> None:
    live, truth = LivePass(), JointTrack()
    live.add(pose(0), 0.02)
    last = 1 + PATIENCE_NS // bag_data.PERIOD_NS
    live.add(pose(last), 0.02)
    live.meet(truth, 8 * MS_NS)
    for index in (0, last):
        truth.add(stamp_ns(index), bag_data.joints_device(index))
    live.meet(truth, 8 * MS_NS)
    assert live.running.compared == 1


def test_what_is_written_holds_every_pose_once_in_order(tmp_path: Path) -> None:
    live, truth = LivePass(), JointTrack()
    for index in (2, 0, 1, 1):
        live.add(pose(index), 0.02)
    live.add(pose(7, state=TrackingState.LOST), 0.02)
    live.add(replace(pose(8), joints_device=np.full((16, 3), np.nan)), 0.02)
    for index in (0, 1):
        truth.add(stamp_ns(index), bag_data.joints_device(index))
    folder = next_pass_folder(tmp_path)
    about = {"truth_topic": "/ground_truth/body_pose"}
    live.write(folder, "ride", bag_data.rig(), truth, 8 * MS_NS, about, {"sets": 9, "late": 1})
    (clip,) = load_clips(folder)
    assert clip.frames == (str(stamp_ns(0)), str(stamp_ns(1))) and clip.name == "ride"
    found = json.loads((folder / "scores.json").read_text())["recording"]
    assert found["dropped"] == {"no body found": 2, "no ground truth at this moment": 1, "stamp came again": 1}
    assert (found["estimated"], found["compared"], found["sets"], found["late"]) == (3, 2, 9, 1)
    with np.load(folder / "estimates.npz") as estimates:
        assert estimates["stamp_ns"].tolist() == [stamp_ns(index) for index in (0, 1, 2)]
    assert next_pass_folder(tmp_path).name == "pass_2"
