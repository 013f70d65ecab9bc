"""What the pose node, replay and evaluation ask of a method."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from egorear_ros.structures import BodyPose, FrameSet


class EstimatorSetupError(ValueError):
    """A method cannot start with this configuration: says what is wrong and what to set."""


class EstimateError(RuntimeError):
    """A frame set cannot be used; the next one may be fine. Names the view where one is to blame."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A frame set on its way through a method: what `Estimator.infer` needs of it.

    Attributes:
        stamp_ns: the set's, ns.
        view_stamps_ns: by view that is used, ns.
        inputs: for the network; the method knows what they are.
        timings_s: of the stages so far.
    """

    stamp_ns: int
    view_stamps_ns: Mapping[str, int]
    inputs: Any = None
    timings_s: Mapping[str, float] = field(default_factory=dict)


class Estimator(Protocol):
    """A method with its weights, for one rig.

    Attributes:
        model_id: method and weights, written into every pose.
        views: views that it needs, in the model's order.
        trained: False for random weights, whose poses mean nothing.
        last_timings_s: seconds that each stage of the last estimate took: "decode", "preprocess",
            "infer", "postprocess".
        notice: what users must know, for example that an execution engine failed and another is used; "" if
            all is as configured.
    """

    model_id: str
    views: tuple[str, ...]
    trained: bool
    last_timings_s: dict[str, float]
    notice: str

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

    def prepare(self, frames: FrameSet) -> Prepared:
        """Do what comes before the network; other threads may do this while one is in `infer`.

        Raises:
            EstimateError: as `estimate`.
        """
        ...

    def infer(self, prepared: Prepared) -> BodyPose:
        """Do the rest: `estimate` is both, one after the other.

        Raises:
            EstimateError: as `estimate`.
        """
        ...
