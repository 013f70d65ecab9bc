"""Small real inputs for tests of nodes: images, frame sets, checkpoints that load in no time."""

from pathlib import Path

import cv2
import numpy as np

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.structures import BodyPose, FloatArray, Frame, FrameSet, TrackingState

VIEWS = ("front_left", "front_right", "back_left", "back_right")

STANDING_RIG = np.array(
    [
        (-0.18, 0.0, -0.15),
        (-0.20, 0.0, -0.32),
        (-0.20, 0.18, -0.38),
        (-0.20, -0.18, -0.38),
        (-0.10, 0.25, -0.62),
        (-0.15, -0.27, -0.65),
        (0.15, 0.22, -0.60),
        (0.05, -0.20, -0.45),
        (-0.18, 0.10, -0.85),
        (-0.18, -0.10, -0.85),
        (-0.05, 0.10, -1.25),
        (-0.15, -0.10, -1.25),
        (-0.20, 0.10, -1.62),
        (-0.30, -0.10, -1.62),
        (-0.05, 0.12, -1.68),
        (-0.15, -0.12, -1.68),
    ]
)
"""(16, 3) joints of somebody who stands and raises a hand, in rig_link, m."""


def standing_device() -> FloatArray:
    """Return `STANDING_RIG` in the device frame: (x, y, z)_device = (-y, -x, -z)_rig."""
    return np.stack([-STANDING_RIG[:, 1], -STANDING_RIG[:, 0], -STANDING_RIG[:, 2]], axis=-1)


def body_pose(stamp_ns: int = 0, state: TrackingState = TrackingState.OK, model_id: str = "test") -> BodyPose:
    """Return the standing pose with confidences from 0 to 1, and none for the head."""
    confidences = np.linspace(0.0, 1.0, 16)
    confidences[0] = np.nan
    return BodyPose(stamp_ns, standing_device(), confidences, dict.fromkeys(VIEWS, stamp_ns), state, model_id)


def jpeg(width: int = 64, height: int = 64, grey: int = 120) -> bytes:
    """Return a JPEG of one grey."""
    return bytes(cv2.imencode(".jpg", np.full((height, width, 3), grey, np.uint8))[1].tobytes())


def frame_set(
    stamp_ns: int, views: tuple[str, ...] = VIEWS, damaged: str = "", width: int = 64, skew_ns: int = 0
) -> FrameSet:
    """Return a set with an image for each of `views`, each `skew_ns` later than the one before."""
    frames = {}
    for index, view in enumerate(views):
        data = jpeg(width, width)
        frames[view] = Frame(
            view, stamp_ns + index * skew_ns, "jpeg", data[: len(data) // 2] if view == damaged else data
        )
    return FrameSet(stamp_ns, VIEWS, frames)


def tiny_checkpoint(path: Path, views: tuple[str, ...] = VIEWS, seed: int = 0, missing_views: bool = False) -> Path:
    """Write weights of a very small EgoRear network and return the path."""
    import torch

    from egorear_ros.models.build import build_network
    from egorear_ros.models.checkpoint import CheckpointHeader, save_checkpoint
    from egorear_ros.models.size import ModelSize

    size = ModelSize(len(views), 64, 8, 16, attention_heads=2, attention_points=4, lifter_layers=1)
    header = CheckpointHeader("egorear", size, views, trained_with_missing_views=missing_views)
    torch.manual_seed(seed)
    network = build_network(header, load_rig("ego4view_syn").select(views))
    save_checkpoint(path, network.state_dict(), header)
    return path
