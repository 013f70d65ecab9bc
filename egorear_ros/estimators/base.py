"""What the pose node, replay and evaluation ask of a method."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from egorear_ros.structures import BodyPose, FrameSet


class EstimatorSetupError(ValueError):
    """A method cannot start with this configuration: says what is wrong and what to set."""


class EstimateError(RuntimeError):
    """A frame set cannot be used; the next one may be fine. Names the view where one is to blame."""


class DamagedImageError(EstimateError):
    """An image of the frame set cannot be decoded."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A frame set on its way through a method: what `Estimator.infer` needs of it.

    Attributes:
        stamp_ns: the set's, ns.
        view_stamps_ns: by view that is used, ns.
        inputs: for the network; the method knows what they are.
        timings_s: of the stages so far.
        shared: whether other prepared sets have the same inputs: their memory is not to be used again.
    """

    stamp_ns: int
    view_stamps_ns: Mapping[str, int]
    inputs: Any = None
    timings_s: Mapping[str, float] = field(default_factory=dict)
    shared: bool = False


class Estimator(Protocol):
    """A method with its weights, for one rig.

    Attributes:
        model_id: method and weights, written into every pose.
        views: views that it needs, in the model's order.
        trained: False for random weights, whose poses mean nothing.
        notice: what users must know, for example that an execution engine failed and another is used; "" if
            all is as configured.
    """

    model_id: str
    views: tuple[str, ...]
    trained: bool
    notice: str

    def warm_up(self) -> None:
        """Make the first estimate as fast as the later ones."""
        ...

    def estimate(self, frames: FrameSet) -> BodyPose:
        """Return the pose that a frame set shows; joints in m, device frame.

        `timings_s` of the pose has the stages "decode", "preprocess", "infer" and "postprocess".

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


@runtime_checkable
class SideBySide(Estimator, Protocol):
    """A method whose poses do not depend on those before, so that many sets can be on their way at the same time.

    For recordings, where only the number of sets a second counts: a set takes longer than alone.
    """

    def spread(self, threads: int) -> int:
        """Get ready for `prepare` and `infer_all` in several threads at the same time, each with a core of its own.

        Args:
            threads: how many.

        Returns:
            how many images `infer_all` should be given at a time, at least; 0: the engine takes all cores for one
            set after another, and nothing has changed.
        """
        ...

    def gather(self) -> None:
        """End `spread`: one set after another again, as fast as possible each."""
        ...

    def narrow(self, prepared: Prepared, views: Sequence[str]) -> Prepared:
        """Return a prepared set as if the other views had been missing, without decoding it again.

        Raises:
            EstimateError: the method needs one of those that are missing.
        """
        ...

    def infer_all(self, prepared: Sequence[Prepared]) -> "list[BodyPose | EstimateError]":
        """Do for several sets what `infer` does for one; the same poses. In place of a pose: why there is none.

        `timings_s` has each set's share of the time that all took together.
        """
        ...
