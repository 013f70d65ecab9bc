"""The rig of a training run: lenses for sure, places where they are the same in every recording."""

from egorear_ros.geometry.rig_file import load_whole_rig
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
