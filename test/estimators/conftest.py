"""A rig, images for it, and a runtime whose answer is known."""

import io
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from PIL import Image

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.runtimes.base import Prediction
from egorear_ros.structures import Frame, FrameSet, Rig

STAMP_NS = 1_000_000_000


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Keep small networks from waiting for each other's threads on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def rig() -> Rig:
    return load_rig("ego4view_syn")


@pytest.fixture
def jpeg() -> Callable[..., bytes]:
    """Return the bytes of a smooth random image."""

    def make(seed: int = 0, size: tuple[int, int] = (872, 872), file_format: str = "JPEG") -> bytes:
        coarse = np.random.default_rng(seed).integers(0, 255, (12, 12, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(buffer, file_format)
        return buffer.getvalue()

    return make


@pytest.fixture
def frame_set(rig: Rig, jpeg: Callable[..., bytes]) -> Callable[..., FrameSet]:
    """Return a frame set, each view 1 ms after the one before, without some views or with other data in them."""

    def make(missing: tuple[str, ...] = (), **data: bytes) -> FrameSet:
        frames = {
            view: Frame(view, STAMP_NS + 1_000_000 * index, "jpeg", data.get(view, jpeg(index)))
            for index, view in enumerate(rig.views)
            if view not in missing
        }
        return FrameSet(STAMP_NS, rig.views, frames)

    return make


class KnownRuntime:
    """Answers what it was told and remembers what it was asked."""

    description = "known"

    def __init__(self, joints_cm: np.ndarray, peak_scores: np.ndarray | None) -> None:
        self.prediction = Prediction(joints_cm[None], None, None if peak_scores is None else peak_scores[None])
        self.asked: list[tuple[np.ndarray, np.ndarray | None]] = []

    def run(
        self, images: np.ndarray, T_camera_device: np.ndarray | None = None, view_mask: np.ndarray | None = None
    ) -> Prediction:
        self.asked.append((images.copy(), view_mask))  # the estimator uses its memory again
        return self.prediction


@pytest.fixture
def known_runtime() -> KnownRuntime:
    """Joint j is at (j, 0, 100) cm; heatmap j peaks at 0.1 v in view v, but joint 1 at 7, joint 2 below 0."""
    joints = np.stack((np.arange(16.0), np.zeros(16), np.full(16, 100.0)), axis=-1).astype(np.float32)
    scores = np.tile(0.1 * np.arange(4, dtype=np.float32)[:, None], (1, 15))
    scores[1, 0] = 7.0
    scores[:, 1] = -0.5
    return KnownRuntime(joints, scores)
