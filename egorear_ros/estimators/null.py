"""An estimator that estimates nothing, to measure everything around it."""

import time

import numpy as np

from egorear_ros.estimators.base import Prepared
from egorear_ros.structures import BodyPose, FrameSet, TrackingState


class NullEstimator:
    """Takes as long as it is told and finds nobody."""

    model_id = "null"
    trained = True

    def __init__(self, views: tuple[str, ...], delay_s: float = 0.0) -> None:
        """Pretend to need `views`, and to think for `delay_s`."""
        self.views = views
        self.notice = ""
        self._delay_s = delay_s

    def warm_up(self) -> None:
        """Nothing to prepare."""

    def estimate(self, frames: FrameSet) -> BodyPose:
        """Return a lost pose without joints."""
        return self.infer(self.prepare(frames))

    def prepare(self, frames: FrameSet) -> Prepared:
        """Take note of the stamps."""
        return Prepared(frames.stamp_ns, {view: frame.stamp_ns for view, frame in frames.frames.items()})

    def infer(self, prepared: Prepared) -> BodyPose:
        """Return a lost pose without joints."""
        time.sleep(self._delay_s)
        return BodyPose(
            stamp_ns=prepared.stamp_ns,
            joints_device=np.empty((0, 3)),
            confidences=np.empty(0),
            view_stamps_ns=prepared.view_stamps_ns,
            state=TrackingState.LOST,
            model_id=self.model_id,
            timings_s={"decode": 0.0, "preprocess": 0.0, "infer": self._delay_s, "postprocess": 0.0},
        )
