"""One annotation file of Ego4View, or of our own data sets in that layout."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import FloatArray
from egorear_train.datasets.errors import DamagedFrame

HEATMAP_NAMES = tuple(EGO4VIEW.dataset_names[joint] for joint in EGO4VIEW.heatmap_joints)


@dataclass(frozen=True, eq=False)
class Annotation:
    """What is known of one frame.

    Attributes:
        joints_cm: (16, 3) device frame, cm.
        pixels: (V, 15, 2) joints with heatmaps as (u, v), px of the calibrated image.
        visible: (V, 15) bool, or None where the file does not say.
    """

    joints_cm: FloatArray
    pixels: FloatArray
    visible: NDArray[np.bool_] | None


def read_annotation(path: Path, views: tuple[str, ...]) -> Annotation:
    """Read one annotation file.

    Raises:
        DamagedFrame: missing, not JSON, or a joint is missing or not finite.
    """
    try:
        joints: dict[str, Any] = json.loads(path.read_bytes())["joints"]
        joints_cm = np.array([joints[name]["device_pts3d"] for name in EGO4VIEW.dataset_names], dtype=np.float64)
        pixels = np.array(
            [[joints[name][f"camera_{view}_pts2d"] for name in HEATMAP_NAMES] for view in views], dtype=np.float64
        )
        visible = _visible(joints, views)
    except KeyError as error:
        raise DamagedFrame(
            f"{path}: has no {error.args[0]}; expected each joint's device_pts3d, and its pixels in every view."
        ) from error
    except (OSError, ValueError, TypeError) as error:
        raise DamagedFrame(f"{path}: no usable annotation ({type(error).__name__}: {error}).") from error
    shapes_fit = joints_cm.shape == (EGO4VIEW.joint_count, 3) and pixels.shape == (len(views), len(HEATMAP_NAMES), 2)
    if not shapes_fit or not (np.isfinite(joints_cm).all() and np.isfinite(pixels).all()):
        raise DamagedFrame(f"{path}: joints are not all finite points.")
    return Annotation(joints_cm, pixels, visible)


def _visible(joints: dict[str, Any], views: tuple[str, ...]) -> NDArray[np.bool_] | None:
    keys = [f"camera_{view}_visible" for view in views]
    if not any(key in joints[name] for name in HEATMAP_NAMES for key in keys):
        return None
    values = [[joints[name][key] for name in HEATMAP_NAMES] for key in keys]
    if not all(isinstance(value, bool) for row in values for value in row):
        raise ValueError("visibility must be true or false")
    return np.array(values, dtype=np.bool_)
