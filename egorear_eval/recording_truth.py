"""Where the ground truth of a recording comes from: the recording itself, or a sequence folder by stamp."""

from pathlib import Path

from egorear_eval.clip import EvaluationError
from egorear_ros.bags.bag import Bag
from egorear_ros.bags.origin import Origin, read_origin
from egorear_ros.bags.truth import BagTruth, JointTrack
from egorear_ros.bags.typestore import BODY_POSE
from egorear_ros.bags.views import RigTopics
from egorear_ros.sources.base import SourceError
from egorear_ros.sources.sequence import ANNOTATIONS
from egorear_ros.sources.truth import read_joints_device

STAMP_DIGITS = 16
"""A name of at least so many digits is a stamp in ns; frames are numbered with fewer."""


def bag_truth(bag: Bag, topics: RigTopics) -> JointTrack | None:
    """Return the ground truth that a recording has; None: it has none."""
    if not any(topic.name == topics.truth and topic.type == BODY_POSE for topic in bag.topics):
        return None
    truth = BagTruth(bag, topics.truth)
    return truth if len(truth) or truth.damaged else None


def folder_truth(folder: Path, bag: Bag) -> JointTrack:
    """Return the annotations of a sequence folder at the stamps of a recording.

    A recording that was made by `egorear bag from-dataset` says which stamp each frame got. For others, the
    annotations' names must be stamps, in ns.

    Raises:
        EvaluationError: there are no annotations, a damaged one, or nobody knows their stamps.
    """
    folders = [folder / name for name in ANNOTATIONS if (folder / name).is_dir()]
    if not folders:
        raise EvaluationError(f"--truth {folder}: no ground truth; expected a folder {' or '.join(ANNOTATIONS)} in it.")
    origin, truth = read_origin(bag.custom), JointTrack()
    files = sorted(folders[0].glob("*.json"))
    stamps_ns = _origin_stamps(origin)
    for file in files:
        stamp_ns = stamps_ns.get(file.stem, _own_stamp_ns(file.stem))
        if stamp_ns is None:
            continue
        try:
            truth.add(stamp_ns, read_joints_device(file))
        except SourceError as error:
            raise EvaluationError(str(error)) from None
    if not len(truth):
        name = files[0].name if files else "nothing"
        raise EvaluationError(
            f"--truth {folder}: nobody says which stamps its {len(files)} annotations ({name} ...) have: the recording "
            "was not made of this sequence by `egorear bag from-dataset`, and their names are no stamps in ns."
        )
    return truth


def _origin_stamps(origin: Origin | None) -> dict[str, int]:
    if origin is None:
        return {}
    return {stem: origin.first_ns + index * origin.period_ns for index, stem in enumerate(origin.stems)}


def _own_stamp_ns(stem: str) -> int | None:
    return int(stem) if stem.isdecimal() and len(stem) >= STAMP_DIGITS else None
