"""A tiny network and recordings of a rig, for tests of evaluation."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import bag_data
import numpy as np
import rig_data
from PIL import Image

from egorear_ros.bags.origin import pack
from egorear_ros.estimators.base import EstimateError, Prepared
from egorear_ros.structures import BodyPose, Frame, FrameSet, TrackingState

COUNT = 12


def tiny_weights(folder: Path, missing_views: bool = True) -> Path:
    """Write a network of random numbers that answers in milliseconds, the same every time."""
    import torch

    from egorear_ros.models.checkpoint import save_checkpoint
    from egorear_ros.models.header import CheckpointHeader
    from egorear_ros.models.small.network import SMALL, EgoRearSmall

    torch.manual_seed(0)
    size = replace(SMALL, image_size=64, backbone_channels=8, channels=16, lifter_layers=1)
    path = folder / "tiny.safetensors"
    rig = bag_data.rig()
    header = CheckpointHeader("egorear_small", size, rig.views, trained_with_missing_views=missing_views)
    save_checkpoint(path, EgoRearSmall(size, rig).state_dict(), header)
    return path


def rows(count: int = COUNT, namespace: str = "", **kwargs: Any) -> list[bag_data.Row]:
    """Return what a rig publishes in some moments; every image is another one."""
    found = []
    for number, (topic, kind, log_ns, data) in enumerate(bag_data.rig_rows(count, namespace, **kwargs)):
        if topic.endswith("image_raw/compressed"):
            image = rig_data.jpeg(64, 64, image_grey(number))
            stamp_ns = log_ns - kwargs.get("delay_ns", 1_000_000)
            found.append(bag_data.image_row(topic, stamp_ns, log_ns, topic.split("/")[-3], image))
        else:
            found.append((topic, kind, log_ns, data))
    return found


def image_grey(number: int) -> int:
    """Return the grey of the image that is row `number` of a recording."""
    return 20 + number * 7 % 200


def write(path: Path, some: Sequence[bag_data.Row] | None = None, rig: bool = True, **kwargs: Any) -> Path:
    """Write a recording that carries its rig."""
    custom = pack(bag_data.rig(), None) if rig else {}
    return bag_data.write_rows(path, rows(**kwargs) if some is None else some, custom=custom)


class GreyReader:
    """Reads all joints off the grey of the images it gets: a wrong image, or one too many, gives another pose."""

    trained = True
    model_id = "grey"
    notice = ""

    def __init__(self, needs_all: bool = False) -> None:
        self.views = rig_data.VIEWS
        self._needs_all = needs_all

    def warm_up(self) -> None:
        pass

    def estimate(self, frames: FrameSet) -> BodyPose:
        return self.infer(self.prepare(frames))

    def prepare(self, frames: FrameSet) -> Prepared:
        if not frames.frames or (self._needs_all and frames.missing):
            raise EstimateError(f"no image of {', '.join(frames.missing)}")
        greys = [grey(frame) for frame in frames.frames.values()]
        stamps_ns = {view: frame.stamp_ns for view, frame in frames.frames.items()}
        return Prepared(frames.stamp_ns, stamps_ns, sum(greys), {"decode": 0.001})

    def infer(self, prepared: Prepared) -> BodyPose:
        return BodyPose(
            prepared.stamp_ns,
            np.full((16, 3), prepared.inputs / 1000.0),
            np.full(16, 0.5),
            prepared.view_stamps_ns,
            TrackingState.OK,
            self.model_id,
            timings_s={**prepared.timings_s, "infer": 0.002},
        )


def grey(frame: Frame) -> float:
    """Return the mean grey of an image."""
    if isinstance(frame.data, bytes):
        return float(np.asarray(Image.open(io.BytesIO(frame.data)), np.float64).mean())
    return float(frame.data.mean())
