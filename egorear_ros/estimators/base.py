"""What the pose node, replay and evaluation ask of a method."""

from typing import Protocol

from egorear_ros.structures import BodyPose, FrameSet


class EstimatorSetupError(ValueError):
    """A method cannot start with this configuration: says what is wrong and what to set."""


class EstimateError(RuntimeError):
    """A frame set cannot be used; the next one may be fine. Names the view where one is to blame."""


class Estimator(Protocol):
    """A method with its weights, for one rig.

    Attributes:
        model_id: method and weights, written into every pose.
        views: views that it needs, in the model's order.
        trained: False for random weights, whose poses mean nothing.
        last_timings_s: seconds that each stage of the last estimate took: "decode", "preprocess",
            "infer", "postprocess".
    """

    model_id: str
    views: tuple[str, ...]
    trained: bool
    last_timings_s: dict[str, float]

    def warm_up(self) -> None:
        """Make the first estimate as fast as the later ones."""
        ...

    def estimate(self, frames: FrameSet) -> BodyPose:
        """Return the pose that a frame set shows; joints in m, device frame.

        Raises:
            EstimateError: an image is damaged or does not fit the calibration, views are missing
                that the method needs, or no finite pose came out.
        """
        ...
