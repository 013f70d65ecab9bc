"""The rig of a training run: lenses for sure, places where they are the same in every recording."""

from dataclasses import replace

import numpy as np

from egorear_ros.geometry.rig_file import PER_SEQUENCE, find_rig_file, load_rig, read_yaml
from egorear_ros.structures import Rig


def load_training_rig(name_or_path: str, views: tuple[str, ...]) -> Rig:
    """Read a rig and choose its views; see `load_whole_rig`.

    Args:
        name_or_path: as in `load_rig`.
        views: V names, in the model's order.

    Raises:
        CalibrationError: the file is missing or wrong.
        ValueError: the rig lacks a view, or a view is named twice.
    """
    rig = load_whole_rig(name_or_path)
    wrong = [view for view in views if view not in rig.views]
    if wrong or len(set(views)) != len(views) or not views:
        raise ValueError(
            f"model.views is {', '.join(views) or 'empty'}; expected each view once, out of those of rig {rig.name} "
            f"({rig.source}): {', '.join(rig.views)}."
        )
    return rig.select(views)


def load_whole_rig(name_or_path: str) -> Rig:
    """Read a rig with all its views.

    A rig whose cameras sit differently in each recording has places of NaN: every sample brings its
    own, and a computation that forgets to use them cannot go unnoticed.

    Args:
        name_or_path: as in `load_rig`.

    Raises:
        CalibrationError: the file is missing or wrong.
    """
    content = read_yaml(find_rig_file(name_or_path))
    if content.get("extrinsics") != PER_SEQUENCE:
        return load_rig(name_or_path)
    rig = load_rig(name_or_path, dict.fromkeys(content.get("views") or (), np.eye(4)))
    unknown = np.full((4, 4), np.nan)
    return replace(rig, cameras=tuple(replace(camera, T_device_camera=unknown) for camera in rig.cameras))
