"""The null estimator finds nobody and takes its time."""

import time
from collections.abc import Callable

from egorear_ros.estimators.null import NullEstimator
from egorear_ros.structures import FrameSet, TrackingState


def test_finds_nobody(frame_set: Callable[..., FrameSet]) -> None:
    frames = frame_set(missing=("front_left",))
    estimator = NullEstimator(frames.views)
    estimator.warm_up()
    pose = estimator.estimate(frames)
    assert pose.state is TrackingState.LOST
    assert pose.joints_device.shape == (0, 3)
    assert pose.confidences.shape == (0,)
    assert set(pose.view_stamps_ns) == {"front_right", "back_left", "back_right"}


def test_takes_as_long_as_it_is_told(frame_set: Callable[..., FrameSet]) -> None:
    start = time.perf_counter()
    NullEstimator((), delay_s=0.05).estimate(frame_set())
    assert time.perf_counter() - start >= 0.05
