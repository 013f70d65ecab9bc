"""What a watcher is told about a graph."""

from dataclasses import replace

import numpy as np
import pytest
import rig_data

from egorear_ros.live_status import ERROR, OK, WARN, LiveStatus, Report, judge
from egorear_ros.structures import BodyPose, TrackingState
from egorear_ros.sync_status import CameraCounters, SyncStatus


def shifted(pose: BodyPose, offset_m: float) -> BodyPose:
    return replace(pose, joints_device=pose.joints_device + np.array((offset_m, 0.0, 0.0)))


def sync(silent: str = "") -> SyncStatus:
    cameras = tuple(
        CameraCounters(view, 10, 9, 1, 0, 0, 0, 0.0 if view == silent else 30.0, 0.1, view == silent)
        for view in rig_data.VIEWS
    )
    return SyncStatus(9, 0, 1, 0, 30.0, 0.001, 0.002, 0.01, 0.02, cameras)


def report(node: str, level: int = OK, part: str = "state", heard_s: float = 10.0, **values: str) -> Report:
    return Report(node, part, level, "a message", values, heard_s)


def running(now_s: float = 10.0, state: TrackingState = TrackingState.OK, silent: str = "") -> LiveStatus:
    live = LiveStatus(0.0)
    live.on_sync(sync(silent))
    live.on_report(report("pose", heard_s=now_s, state="active"))
    for index in range(10):
        live.on_pose(rig_data.body_pose(index, state, "net"), 0.02, now_s - 1 + index / 10)
    return live


def test_errors_are_of_the_same_moment_whoever_comes_first() -> None:
    live = LiveStatus(0.0)
    live.on_truth(rig_data.body_pose(1))
    live.on_pose(shifted(rig_data.body_pose(1), 0.1), 0.0, 1.0)
    live.on_pose(shifted(rig_data.body_pose(2), 0.3), 0.0, 2.0)
    live.on_pose(shifted(rig_data.body_pose(3), 9.0), 0.0, 3.0)
    live.on_truth(rig_data.body_pose(2))
    errors = live.snapshot(4.0).errors
    assert errors is not None
    assert errors.poses == 2
    assert errors.mpjpe_mm == pytest.approx(200.0)
    assert errors.pa_mpjpe_mm == pytest.approx(0.0, abs=1e-6)


def test_lost_poses_have_no_error() -> None:
    live = LiveStatus(0.0)
    live.on_truth(rig_data.body_pose(1))
    live.on_pose(replace(rig_data.body_pose(1), joints_device=np.empty((0, 3)), state=TrackingState.LOST), 0.0, 1.0)
    live.on_truth(rig_data.body_pose(2))
    live.on_pose(replace(rig_data.body_pose(2), joints_device=np.full((16, 3), np.nan)), 0.0, 2.0)
    assert live.snapshot(3.0).errors is None


def test_rates_and_latencies_are_those_of_the_poses() -> None:
    live = LiveStatus(0.0)
    for index in range(101):
        live.on_pose(rig_data.body_pose(index), index * 1e-3, index * 0.1)
    snapshot = live.snapshot(10.0)
    assert snapshot.poses == 101
    assert snapshot.rate_hz == pytest.approx(10.0, rel=0.02)
    assert snapshot.latency_p50_s == pytest.approx(0.050)
    assert snapshot.latency_p95_s == pytest.approx(0.095)


def test_a_healthy_graph_is_said_to_run() -> None:
    level, sentence = judge(running().snapshot(10.0))
    assert level == OK
    assert "Running: all 4 cameras send" in sentence


def test_silence_and_loss_are_said_in_plain_words() -> None:
    assert judge(LiveStatus(0.0).snapshot(1.0)) == (WARN, "Nothing heard yet.")
    assert "3 of 4 cameras" in judge(running(silent="back_left").snapshot(10.0))[1]
    assert "without joints" in judge(running(state=TrackingState.LOST).snapshot(10.0))[1]


def test_a_node_that_stopped_reporting_is_gone() -> None:
    live = running(10.0)
    live.on_report(report("sync", heard_s=16.0))
    assert judge(live.snapshot(16.0)) == (ERROR, "Gone: pose (no sign of life for 5 s).")


def test_a_node_that_cannot_start_is_named() -> None:
    live = running(10.0)
    live.on_report(report("pose", ERROR, heard_s=10.0))
    assert judge(live.snapshot(10.0)) == (ERROR, "Not running: pose.")


def test_poses_that_stop_are_an_error_unless_the_model_is_that_slow() -> None:
    live = running(10.0)
    live.on_report(report("pose", heard_s=18.0, state="active"))
    level, sentence = judge(live.snapshot(18.0))
    assert level == ERROR
    assert "the last pose came 8 s ago" in sentence
    slow = running(10.0)
    slow.on_pose(rig_data.body_pose(99), 60.0, 10.0)
    slow.on_report(report("pose", heard_s=18.0, state="active"))
    assert judge(slow.snapshot(18.0))[0] == OK


def test_loading_is_told_from_waiting() -> None:
    live = LiveStatus(0.0)
    live.on_sync(sync())
    live.on_report(report("pose", heard_s=1.0, state="unconfigured"))
    assert "the model is being loaded" in judge(live.snapshot(1.0))[1]
    live.on_report(report("pose", heard_s=2.0, state="active"))
    assert "no pose yet" in judge(live.snapshot(2.0))[1]
