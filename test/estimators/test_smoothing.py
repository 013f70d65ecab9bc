"""The filter over time: calm at rest, quick when it matters, and honest about gaps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egorear_ros.config import EstimatorConfig, RuntimeConfig, SmoothingConfig
from egorear_ros.estimators.base import Prepared
from egorear_ros.estimators.factory import make_estimator
from egorear_ros.estimators.null import NullEstimator
from egorear_ros.estimators.smoothing import OneEuroFilter, SmoothedEstimator
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.structures import BodyPose, FrameSet, TrackingState

STEP_NS = 33_333_333


def run(points: np.ndarray, config: SmoothingConfig | None = None) -> np.ndarray:
    smooth = OneEuroFilter(config or SmoothingConfig())
    return np.stack([smooth(index * STEP_NS, value) for index, value in enumerate(points)])


def jitter(points: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(points, n=2, axis=0), axis=-1).mean())


def test_noise_at_rest_is_damped() -> None:
    noisy = np.random.default_rng(0).normal(scale=0.01, size=(200, 16, 3))
    assert jitter(run(noisy)[20:]) < 0.5 * jitter(noisy[20:])


def test_quick_movement_hardly_lags() -> None:
    """A hand at 3 m/s: the lag stays below a frame."""
    moving = np.zeros((60, 1, 3))
    moving[:, 0, 0] = 3.0 * np.arange(60) * STEP_NS / 1e9
    assert np.abs(run(moving) - moving)[10:].max() < 0.1


def test_equals_the_published_filter_for_one_coordinate() -> None:
    """A twin written from the paper, for a point that moves along x alone."""
    config = SmoothingConfig(cutoff_hz=1.0, cutoff_hz_per_m_s=0.7, speed_cutoff_hz=1.3)
    values = np.cumsum(np.random.default_rng(1).normal(size=30)) * 0.05
    points = np.zeros((30, 1, 3))
    points[:, 0, 0] = values
    step_s = STEP_NS / 1e9

    def alpha(cutoff: float) -> float:
        tau = 1.0 / (2.0 * np.pi * cutoff)
        return 1.0 / (1.0 + tau / step_s)

    expected, slope = [values[0]], 0.0
    for value in values[1:]:
        edge = alpha(config.speed_cutoff_hz)
        slope = edge * (value - expected[-1]) / step_s + (1 - edge) * slope
        weight = alpha(config.cutoff_hz + config.cutoff_hz_per_m_s * abs(slope))
        expected.append(weight * value + (1 - weight) * expected[-1])
    np.testing.assert_allclose(run(points, config)[:, 0, 0], expected, atol=1e-12)


@given(st.integers(-(10**12), 10**12), st.integers(1, 5))
def test_a_gap_or_a_jump_back_starts_anew(jump_ns: int, count: int) -> None:
    smooth = OneEuroFilter(SmoothingConfig())
    for index in range(count):
        smooth(index * STEP_NS, np.full((2, 3), float(index)))
    stamp_ns = (count - 1) * STEP_NS + jump_ns
    found = smooth(stamp_ns, np.full((2, 3), 100.0))
    if not 0 < jump_ns <= 500_000_000:
        np.testing.assert_array_equal(found, 100.0)
    elif count > 0:
        assert (found < 100.0 + 1e-9).all()


def test_what_is_returned_is_not_the_filters_own_memory() -> None:
    smooth = OneEuroFilter(SmoothingConfig())
    first = smooth(0, np.zeros((2, 3)))
    first += 5.0
    np.testing.assert_allclose(smooth(STEP_NS, np.zeros((2, 3))), 0.0)


def test_factory_puts_the_filter_behind_any_method() -> None:
    rig = load_rig("ego4view_syn")
    config = EstimatorConfig(method="null", smoothing=SmoothingConfig(enabled=True))
    assert isinstance(make_estimator(config, RuntimeConfig(), rig), SmoothedEstimator)
    assert isinstance(make_estimator(EstimatorConfig(method="null"), RuntimeConfig(), rig), NullEstimator)


class Steps:
    """Poses at 0 m, then 1 m, and lost in between if told so."""

    model_id, views, trained, notice = "steps", ("a",), True, ""

    def __init__(self, states: list[TrackingState]) -> None:
        self.states = iter(enumerate(states))

    def warm_up(self) -> None:
        pass

    def estimate(self, frames: FrameSet) -> BodyPose:
        return self.infer(self.prepare(frames))

    def prepare(self, frames: FrameSet) -> Prepared:
        return Prepared(frames.stamp_ns, {})

    def infer(self, prepared: Prepared) -> BodyPose:
        index, state = next(self.states)
        return BodyPose(prepared.stamp_ns, np.full((16, 3), min(index, 1.0)), np.ones(16), {}, state, self.model_id)


@pytest.mark.parametrize("lost", [False, True])
def test_a_lost_pose_ends_the_past(lost: bool) -> None:
    middle = TrackingState.LOST if lost else TrackingState.OK
    estimator = SmoothedEstimator(Steps([TrackingState.OK, middle, TrackingState.OK]), SmoothingConfig())
    poses = [estimator.estimate(FrameSet(index * STEP_NS, ("a",), {})) for index in range(3)]
    assert poses[2].model_id == "steps+one_euro"
    assert (poses[2].joints_device == 1.0).all() == lost
