"""A causal filter over successive poses: less jitter at rest, no delay in quick movements."""

import math
from dataclasses import replace

import numpy as np

from egorear_ros.config import SmoothingConfig
from egorear_ros.estimators.base import Estimator, Prepared
from egorear_ros.structures import BodyPose, FloatArray, FrameSet, TrackingState

NS_PER_S = 1e9


class OneEuroFilter:
    """Low-pass filter whose cut-off rises with speed, for J points at once.

    Source: Casiez, Roussel & Vogel, "1 Euro Filter", CHI 2012, with the speed of a point in space
    in place of that of a number.
    """

    def __init__(self, config: SmoothingConfig) -> None:
        """Start without a past."""
        self._config = config
        self._points: FloatArray | None = None
        self._velocities: FloatArray | None = None
        self._stamp_ns = 0

    def reset(self) -> None:
        """Forget the past."""
        self._points = None

    def __call__(self, stamp_ns: int, points: FloatArray) -> FloatArray:
        """Return the (J, 3) points of a moment, filtered by those before.

        A gap longer than `max_gap_s` and a stamp that is not later than the last one start anew.
        """
        step_s = (stamp_ns - self._stamp_ns) / NS_PER_S
        past, velocities = self._points, self._velocities
        self._stamp_ns = stamp_ns
        if past is None or velocities is None or not 0.0 < step_s <= self._config.max_gap_s:
            self._points, self._velocities = points.copy(), np.zeros_like(points)
            return points.copy()
        share = _share(self._config.speed_cutoff_hz, step_s)
        velocities = velocities + share * ((points - past) / step_s - velocities)
        speed = np.linalg.norm(velocities, axis=-1, keepdims=True)
        cutoff_hz = self._config.cutoff_hz + self._config.cutoff_hz_per_m_s * speed
        filtered: FloatArray = past + _share(cutoff_hz, step_s) * (points - past)
        self._points, self._velocities = filtered, velocities
        return filtered.copy()


class SmoothedEstimator:
    """An estimator whose poses are filtered over time."""

    def __init__(self, estimator: Estimator, config: SmoothingConfig) -> None:
        """Put a filter behind an estimator."""
        self._estimator = estimator
        self._filter = OneEuroFilter(config)
        self.model_id = f"{estimator.model_id}+one_euro"
        self.views = estimator.views
        self.trained = estimator.trained
        self.notice = estimator.notice

    def warm_up(self) -> None:
        """See `Estimator.warm_up`."""
        self._estimator.warm_up()

    def estimate(self, frames: FrameSet) -> BodyPose:
        """See `Estimator.estimate`."""
        return self.infer(self.prepare(frames))

    def prepare(self, frames: FrameSet) -> Prepared:
        """See `Estimator.prepare`."""
        return self._estimator.prepare(frames)

    def infer(self, prepared: Prepared) -> BodyPose:
        """See `Estimator.infer`; sets come in the order of their stamps."""
        pose = self._estimator.infer(prepared)
        self.notice = self._estimator.notice
        if pose.state == TrackingState.LOST:
            self._filter.reset()
            return pose
        joints = self._filter(pose.stamp_ns, pose.joints_device)
        return replace(pose, joints_device=joints, model_id=self.model_id)


def _share(cutoff_hz: "float | FloatArray", step_s: float) -> FloatArray:
    """Return how much of the way to a new value a first-order low-pass goes in one step."""
    return np.asarray(1.0 / (1.0 + 1.0 / (2.0 * math.pi * np.asarray(cutoff_hz) * step_s)))
