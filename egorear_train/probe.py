"""Look at one frame of each data set before hours are spent on it: is it in the right units, of the right rig?"""

import numpy as np

from egorear_ros.geometry.body_extent import body_extents, implausible_extent
from egorear_ros.geometry.fisheye import project
from egorear_ros.geometry.transforms import transform_points
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import Rig
from egorear_train.batch import CM_PER_M
from egorear_train.datasets.base import Sample
from egorear_train.datasets.errors import DatasetError
from egorear_train.datasets.make import AnyDataset
from egorear_train.datasets.mixed import JoinedDataset, MixedDataset

PIXEL_SHARE = 0.1
"""Annotated pixels lie closer to projected joints than this share of the image's width, whoever made them."""

_FEWEST = 3


def probe(dataset: AnyDataset, rig: Rig) -> None:
    """Check the first readable frame of a data set, or of each of several.

    Args:
        dataset: samples with targets.
        rig: whose lenses its pixels belong to, with the views of the samples in their order.

    Raises:
        DatasetError: the joints are not in cm, or not where the pixels say; or no frame can be read.
    """
    parts = dataset.parts if isinstance(dataset, MixedDataset | JoinedDataset) else [dataset]
    for part in parts:
        _check_sample(part[0], rig)


def _check_sample(sample: Sample, rig: Rig) -> None:
    name, joints = sample["meta"], sample["joints_cm"].numpy().astype(np.float64) / CM_PER_M
    if problem := implausible_extent(float(body_extents(joints))):
        raise DatasetError(f"frame {name}: {problem}")
    joints = joints[list(EGO4VIEW.heatmap_joints)]
    for camera, T_camera_device, pixels in zip(rig.cameras, sample["T_camera_device"], sample["pixels"], strict=True):
        expected, seen = project(transform_points(T_camera_device.numpy().astype(np.float64), joints), camera.lens)
        if seen.sum() < _FEWEST:
            continue
        distance_px = float(np.median(np.linalg.norm(pixels.numpy() - expected, axis=-1)[seen]))
        limit_px = PIXEL_SHARE * camera.lens.width
        if distance_px > limit_px:
            raise DatasetError(
                f"frame {name}: in view {camera.view} the joints, projected with rig {rig.name} ({rig.source}), lie "
                f"{distance_px:.0f} px from their annotated pixels; expected less than {limit_px:.0f}. Was the data "
                f"set made with this rig, and are its pixels those of images of {camera.lens.width} x "
                f"{camera.lens.height}?"
            )
