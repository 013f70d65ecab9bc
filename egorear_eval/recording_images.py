"""Pictures of a recording for its report: the images are looked for again, by their stamps."""

from collections.abc import Mapping

import numpy as np

from egorear_eval.clip import EvaluationError
from egorear_eval.report.images import Image
from egorear_eval.what_if import noisy
from egorear_ros.bags.bag import Bag
from egorear_ros.bags.base import BagError
from egorear_ros.bags.cdr import read_header
from egorear_ros.bags.decode import decode_frame as decode_message
from egorear_ros.bags.views import RigTopics
from egorear_ros.estimators.base import EstimateError
from egorear_ros.estimators.preprocess import decode_frame
from egorear_ros.ros_messages import ImageError
from egorear_ros.structures import Frame, FrameSet, Rig


class RecordingImages:
    """The images of one recording; see `report.images.FrameImages`.

    Args:
        bag: the recording, open.
        topics: its cameras.
        rig: their calibration.
        stamps_ns: of the images of each frame, by frame and view.
        noise: that the estimator saw in the images, grey levels of 255.
    """

    def __init__(
        self, bag: Bag, topics: RigTopics, rig: Rig, stamps_ns: Mapping[str, Mapping[str, int]], noise: float
    ) -> None:
        self.rig = rig
        self._bag, self._stamps_ns, self._noise = bag, stamps_ns, noise
        self._views = {topic: view for view, topic in topics.images.items()}

    def images(self, clip: str, frame: str) -> dict[str, Image]:
        """See `FrameImages.images`; reads the recording up to the frame."""
        stamps_ns = self._stamps_ns.get(frame)
        if stamps_ns is None:
            raise EvaluationError(f"{clip}: no pose at {frame} ns. Evaluate the recording again.")
        try:
            frames = noisy(FrameSet(int(frame), self.rig.views, self._find(stamps_ns)), self._noise).frames
            return {view: np.asarray(decode_frame(one, self.rig[view].lens)) for view, one in frames.items()}
        except (BagError, ImageError, EstimateError) as error:
            raise EvaluationError(f"{clip}, {frame} ns: {error}") from error

    def _find(self, stamps_ns: Mapping[str, int]) -> dict[str, Frame]:
        """Return the first image of each view with its stamp."""
        found: dict[str, Frame] = {}
        for message in self._bag.messages(self._views):
            view = self._views[message.topic.name]
            header = read_header(message.data)
            if header is None or view in found or stamps_ns.get(view) != header.stamp_ns:
                continue
            found[view] = decode_message(message, view)
            if len(found) == len(stamps_ns):
                break
        return found
