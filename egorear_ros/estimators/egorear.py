"""EgoRear as a method: four JPEGs in, one body pose out.

The EgoPoseFormer baseline shares every step but the network.
"""

import io
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from PIL import Image

from egorear_ros.estimators.base import EstimateError, Prepared
from egorear_ros.estimators.confidence import joint_confidences
from egorear_ros.estimators.preprocessor import MakeBuffer, NetworkInput, Preprocessor
from egorear_ros.runtimes.base import Prediction, Runtime
from egorear_ros.runtimes.fallback import FallbackRuntime
from egorear_ros.structures import BodyPose, Frame, FrameSet, Lens, Rig, TrackingState
from egorear_ros.tracing import TRACE

LOG = logging.getLogger(__name__)
M_PER_CM = 0.01
WARM_UP_RUNS = 2


class EgoRearEstimator:
    """A pose network behind preprocessing and in front of metres."""

    def __init__(
        self,
        runtime: Runtime,
        rig: Rig,
        image_size: int,
        model_id: str,
        *,
        trained: bool = True,
        accept_missing_views: bool = False,
        least_jpeg_px: int = 0,
        make_buffer: MakeBuffer | None = None,
    ) -> None:
        """Put a method together.

        Args:
            runtime: has the network loaded.
            rig: the cameras, in the model's order.
            image_size: height and width of the network's input, px.
            model_id: written into every pose.
            trained: False for random weights; poses are then marked UNTRAINED.
            accept_missing_views: whether to estimate from the views there are, masking the others.
            least_jpeg_px: JPEGs are decoded at a reduced scale that leaves this, see `preprocess.decode`.
            make_buffer: memory for network input; None: ordinary memory.
        """
        self.model_id = model_id
        self.views = rig.views
        self.trained = trained
        self.last_timings_s: dict[str, float] = {}
        self.notice = ""
        self._runtime = runtime
        self._rig = rig
        self._accept_missing_views = accept_missing_views
        self._preprocess = Preprocessor(rig, image_size, least_jpeg_px=least_jpeg_px, make_buffer=make_buffer)
        self._sizes_said: set[tuple[str, int, int]] = set()

    def warm_up(self) -> None:
        """Decode black images and run the network on them, so that all threads and memory are there."""
        black = {camera.view: Frame(camera.view, 0, "jpeg", _black_jpeg(camera.lens)) for camera in self._rig.cameras}
        for _ in range(WARM_UP_RUNS):
            inputs = self._preprocess(black)
            self._runtime.run(inputs.images, None, inputs.view_mask)
            self._preprocess.release(inputs)

    def estimate(self, frames: FrameSet) -> BodyPose:
        """Return the pose that a frame set shows; see `Estimator.estimate`."""
        return self.infer(self.prepare(frames))

    def prepare(self, frames: FrameSet) -> Prepared:
        """Decode and resize; see `Estimator.prepare`."""
        used = self._usable_frames(frames)
        inputs = self._preprocess(used)
        self._mention_sizes(inputs.sizes)
        stamps_ns = {view: frame.stamp_ns for view, frame in used.items()}
        return Prepared(frames.stamp_ns, stamps_ns, inputs, inputs.timings_s)

    def infer(self, prepared: Prepared) -> BodyPose:
        """Run the network; see `Estimator.infer`."""
        timings = dict(prepared.timings_s)
        inputs: NetworkInput = prepared.inputs
        with _timed(timings, "infer"), TRACE.span("infer", prepared.stamp_ns):
            prediction = self._runtime.run(inputs.images, None, inputs.view_mask)
        self._preprocess.release(inputs)
        with _timed(timings, "postprocess"):
            pose = self._pose(prepared, prediction)
        self.last_timings_s = timings
        if isinstance(self._runtime, FallbackRuntime):
            self.notice = self._runtime.notice
        return pose

    def _usable_frames(self, frames: FrameSet) -> dict[str, Frame]:
        """Return the frames of our views, in the model's order."""
        used = {view: frames.frames[view] for view in self.views if view in frames.frames}
        missing = [view for view in self.views if view not in used]
        if missing and not (used and self._accept_missing_views):
            raise EstimateError(
                f"the frame set has no image of {', '.join(missing)}, and the weights need all of "
                f"{', '.join(self.views)}. Check these cameras, or set estimator.missing_views to always."
            )
        return used

    def _mention_sizes(self, sizes: Mapping[str, tuple[int, int]]) -> None:
        """Say once of each view whose images are a scaled version of what was calibrated; they are used all the same.

        Args:
            sizes: (width, height) by view, px.
        """
        for view, size in sizes.items():
            lens = self._rig[view].lens
            if size != (lens.width, lens.height) and (view, *size) not in self._sizes_said:
                self._sizes_said.add((view, *size))
                LOG.info(
                    f"{view}: the calibration for {lens.width}x{lens.height} px is scaled to images of "
                    f"{size[0]}x{size[1]} px, whose shape is the same. If the camera crops, recalibrate this view."
                )

    def _pose(self, prepared: Prepared, prediction: Prediction) -> BodyPose:
        used = prepared.view_stamps_ns
        joints_device = M_PER_CM * prediction.joints_cm[0].astype(np.float64)
        if not np.isfinite(joints_device).all():
            raise EstimateError(
                f"{self.model_id} returned joints that are not finite. "
                "Check its weights with `egorear checkpoint info`."
            )
        return BodyPose(
            stamp_ns=prepared.stamp_ns,
            joints_device=joints_device,
            confidences=joint_confidences(prediction, [view in used for view in self.views]),
            view_stamps_ns=used,
            state=self._state(len(used)),
            model_id=self.model_id,
        )

    def _state(self, used_views: int) -> TrackingState:
        if not self.trained:
            return TrackingState.UNTRAINED
        return TrackingState.OK if used_views == len(self.views) else TrackingState.PARTIAL_VIEWS


def _black_jpeg(lens: Lens) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (lens.width, lens.height)).save(buffer, "JPEG")
    return buffer.getvalue()


@contextmanager
def _timed(timings: dict[str, float], stage: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    timings[stage] = time.perf_counter() - start
