"""EgoRear as a method: four JPEGs in, one body pose out.

The EgoPoseFormer baseline shares every step but the network.
"""

import io
import logging
import math
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
from PIL import Image

from egorear_ros.estimators.base import EstimateError, Prepared
from egorear_ros.estimators.confidence import joint_confidences
from egorear_ros.estimators.fast_resize import load_fast_resize
from egorear_ros.estimators.preprocessor import NetworkInput, Preprocess, Preprocessor
from egorear_ros.runtimes.base import ManyCallers, Prediction, Runtime
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
        preprocess: Preprocess | None = None,
    ) -> None:
        """Put a method together.

        Args:
            runtime: has the network loaded.
            rig: the cameras, in the model's order.
            image_size: height and width of the network's input, px.
            model_id: written into every pose.
            trained: False for random weights; poses are then marked UNTRAINED.
            accept_missing_views: whether to estimate from the views there are, masking the others.
            preprocess: makes its input; None: as in training, on the CPU.
        """
        self.model_id = model_id
        self.views = rig.views
        self.trained = trained
        self.notice = ""
        self._runtime = runtime
        self._rig = rig
        self._accept_missing_views = accept_missing_views
        self._preprocess = preprocess or Preprocessor(rig, image_size)
        self._sizes_said: set[tuple[str, int, int]] = set()
        self._least_images = 1

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
        timings: dict[str, float] = {}
        inputs: NetworkInput = prepared.inputs
        try:
            with _timed(timings, "infer"), TRACE.span("infer", prepared.stamp_ns):
                prediction = self._runtime.run(inputs.images, None, inputs.view_mask)
        finally:
            self._release(prepared)
        notices = (self._preprocess.notice, self._runtime.notice if isinstance(self._runtime, FallbackRuntime) else "")
        self.notice = " ".join(notice for notice in notices if notice)
        return self._pose(prepared, prediction, timings["infer"])

    def spread(self, threads: int) -> int:
        """See `SideBySide.spread`."""
        least_images = self._runtime.spread(threads) if isinstance(self._runtime, ManyCallers) else 0
        if not least_images:
            return 0
        self._least_images, self._preprocess.in_threads = least_images, False
        load_fast_resize()
        return least_images

    def gather(self) -> None:
        """See `SideBySide.gather`."""
        if isinstance(self._runtime, ManyCallers):
            self._runtime.gather()
        self._least_images, self._preprocess.in_threads = 1, True

    def narrow(self, prepared: Prepared, views: Sequence[str]) -> Prepared:
        """Mask the other views; see `SideBySide.narrow`."""
        stamps_ns = {view: stamp_ns for view, stamp_ns in prepared.view_stamps_ns.items() if view in views}
        self._check_views(stamps_ns)
        inputs: NetworkInput = prepared.inputs
        if len(stamps_ns) < len(prepared.view_stamps_ns):
            inputs = replace(inputs, view_mask=np.array([[view in stamps_ns for view in self.views]]))
        return replace(prepared, view_stamps_ns=stamps_ns, inputs=inputs, shared=True)

    def infer_all(self, prepared: Sequence[Prepared]) -> list[BodyPose | EstimateError]:
        """Run the network on several sets; see `SideBySide.infer_all`."""
        found: dict[int, BodyPose | EstimateError] = {}
        for views in dict.fromkeys(tuple(one.view_stamps_ns) for one in prepared):
            places = [place for place, one in enumerate(prepared) if tuple(one.view_stamps_ns) == views]
            found |= zip(places, self._infer_alike([prepared[place] for place in places]), strict=True)
        return [found[place] for place in range(len(prepared))]

    def _infer_alike(self, prepared: Sequence[Prepared]) -> Iterator[BodyPose | EstimateError]:
        """Yield what sets with the same views give.

        The last one is repeated until there are enough images: a call of another size may be rounded otherwise,
        and a pose is not to depend on which sets happen to be in its call.
        """
        sets = max(len(prepared), math.ceil(self._least_images / len(prepared[0].view_stamps_ns)))
        inputs: list[NetworkInput] = [one.inputs for one in prepared]
        timings: dict[str, float] = {}
        try:
            with _timed(timings, "infer"), TRACE.span("infer", prepared[0].stamp_ns):
                rows = [*range(len(inputs)), *[-1] * (sets - len(inputs))]
                images = np.concatenate([inputs[row].images for row in rows])
                mask = inputs[0].view_mask
                prediction = self._runtime.run(images, None, None if mask is None else mask.repeat(sets, axis=0))
        finally:
            for one in prepared:
                self._release(one)
        for row, one in enumerate(prepared):
            try:
                yield self._pose(one, prediction.of(row), timings["infer"] / len(prepared))
            except EstimateError as error:
                yield error

    def _usable_frames(self, frames: FrameSet) -> dict[str, Frame]:
        """Return the frames of our views, in the model's order."""
        used = {view: frames.frames[view] for view in self.views if view in frames.frames}
        self._check_views(used)
        return used

    def _check_views(self, used: Collection[str]) -> None:
        """Raise EstimateError if a view is missing that the method needs."""
        missing = [view for view in self.views if view not in used]
        if missing and not (used and self._accept_missing_views):
            raise EstimateError(
                f"the frame set has no image of {', '.join(missing)}, and the weights need all of "
                f"{', '.join(self.views)}. Check these cameras, or set estimator.missing_views to always."
            )

    def _release(self, prepared: Prepared) -> None:
        if not prepared.shared:
            self._preprocess.release(prepared.inputs)

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

    def _pose(self, prepared: Prepared, prediction: Prediction, infer_s: float) -> BodyPose:
        """Return the pose of a prediction of one set."""
        begin_s, used = time.perf_counter(), prepared.view_stamps_ns
        joints_device = M_PER_CM * prediction.joints_cm[0].astype(np.float64)
        if not np.isfinite(joints_device).all():
            raise EstimateError(
                f"{self.model_id} returned joints that are not finite. "
                "Check its weights with `egorear checkpoint info`."
            )
        confidences = joint_confidences(prediction, [view in used for view in self.views])
        after_s = {"infer": infer_s, "postprocess": time.perf_counter() - begin_s}
        return BodyPose(
            stamp_ns=prepared.stamp_ns,
            joints_device=joints_device,
            confidences=confidences,
            view_stamps_ns=used,
            state=self._state(len(used)),
            model_id=self.model_id,
            timings_s={**prepared.timings_s, **after_s},
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
