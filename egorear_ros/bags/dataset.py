"""A recording becomes a sequence in Ego4View-Syn's layout, which can be trained on."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from egorear_ros.bags.bag import Bag
from egorear_ros.bags.base import BagError
from egorear_ros.bags.check import check_bag
from egorear_ros.bags.frame_sets import FrameSets
from egorear_ros.bags.image_damage import image_damage
from egorear_ros.bags.origin import Origin, read_origin
from egorear_ros.bags.recorded_rig import rig_of_recording
from egorear_ros.bags.suggest import remap_hint, suggest_remaps, truth_hint
from egorear_ros.bags.truth import BagTruth
from egorear_ros.bags.typestore import BODY_POSE
from egorear_ros.bags.views import RigTopics, refuse_several_rigs, rig_topics
from egorear_ros.config import SyncConfig
from egorear_ros.geometry.fisheye import project
from egorear_ros.geometry.rig_file import save_rig
from egorear_ros.geometry.transforms import invert_transform, transform_points
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.sources.sequence import ANNOTATIONS, IMAGES, RIG_FILE
from egorear_ros.structures import FloatArray, Frame, FrameSet, Rig

CM_PER_M = 100.0
SUFFIXES = {"jpeg": ".jpg", "png": ".png"}
RAW_SUFFIX = ".png"
"""Raw images are kept without loss."""

NAMED = 3
"""So many damaged images are named."""


@dataclass
class WrittenSequence:
    """What became of a recording.

    Attributes:
        path: the sequence's folder.
        frames: frame sets written.
        truths: of them with ground truth.
        partial: sets left out because they lack views.
        undecoded: why sets were left out that have an image that cannot be decoded, one sentence each.
        repeated: sets left out because their stamp came before.
        named: the frames have the names of the data set that the recording was made from.
        partial_recording: whether the recording is damaged, so that this is a part of what was recorded.
        remarks: what the user should know, one sentence each.
    """

    path: Path
    frames: int = 0
    truths: int = 0
    partial: int = 0
    undecoded: list[str] = field(default_factory=list)
    repeated: int = 0
    named: bool = False
    partial_recording: bool = False
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class DatasetOptions:
    """What to take from a recording.

    Attributes:
        namespace: of the rig; None: the one with most views.
        sync: limits of the synchronizer.
        min_views: a set with fewer views is left out; 0: all views are needed.
        truth_tolerance_ms: largest distance of a set's ground truth.
        overwrite: replace what is there.
    """

    namespace: str | None = None
    sync: SyncConfig = field(default_factory=SyncConfig)
    min_views: int = 0
    truth_tolerance_ms: float = 8.0
    overwrite: bool = False


def write_dataset(
    bag: Bag,
    out: Path,
    rig: Rig | None = None,
    options: DatasetOptions | None = None,
    progress: Callable[[int], None] | None = None,
) -> WrittenSequence:
    """Write the frame sets of a recording, and their ground truth where it has some.

    JPEG and PNG images are copied byte by byte; sets with one that cannot be decoded are left out.

    The folder appears whole or not at all.

    Args:
        bag: the recording.
        out: the sequence's folder to make.
        rig: its cameras; None: as the recording carries them.
        options: what to take.
        progress: called after every frame with the number done.

    Raises:
        BagError: several rigs, no images, no set with enough views, or no calibration for the ground truth.
    """
    chosen = options or DatasetOptions()
    _check_target(out, chosen.overwrite)
    refuse_several_rigs(bag, chosen.namespace)
    given = rig
    rig = rig_of_recording(bag, rig, chosen.namespace)
    topics = rig_topics(bag.topics, chosen.namespace, rig.views if rig is not None else ())
    _check_topics(bag, topics)
    truth = _truth(bag, topics, rig)
    part = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
    try:
        result = _Sequence(bag, topics, rig, truth, chosen, part / "sequence").write(out, progress)
        if out.exists():
            out.rename(part / "replaced")
        (part / "sequence").rename(out)
    except OSError as error:
        raise BagError(f"{out} cannot be written: {error.strerror or error}. Nothing was left behind.") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    _judge(bag, given, chosen, result)
    return result


def annotation(joints_device: FloatArray, rig: Rig) -> dict[str, Any]:
    """Return a frame's annotation file as JSON values: cm, and px of the calibrated image.

    Args:
        joints_device: (16, 3) device frame, m.
        rig: the cameras.
    """
    joints: dict[str, dict[str, Any]] = {
        name: {"device_pts3d": _rounded(CM_PER_M * point)}
        for name, point in zip(EGO4VIEW.dataset_names, joints_device, strict=True)
    }
    for camera in rig.cameras:
        points_camera = transform_points(invert_transform(camera.T_device_camera), joints_device)
        pixels, _ = project(points_camera, camera.lens)
        for name, point, pixel in zip(EGO4VIEW.dataset_names, points_camera, pixels, strict=True):
            joints[name][f"camera_{camera.view}_pts3d"] = _rounded(CM_PER_M * point)
            joints[name][f"camera_{camera.view}_pts2d"] = _rounded(pixel)
    return {"joints": joints}


class _Sequence:
    """The folder in the making."""

    def __init__(
        self,
        bag: Bag,
        topics: RigTopics,
        rig: Rig | None,
        truth: BagTruth | None,
        options: DatasetOptions,
        folder: Path,
    ) -> None:
        self._bag = bag
        self._topics = topics
        self._rig = rig
        self._truth = truth
        self._options = options
        self._folder = folder
        self._origin: Origin | None = read_origin(bag.custom)
        self._seen_ns = set[int]()

    def write(self, out: Path, progress: Callable[[int], None] | None) -> WrittenSequence:
        result = WrittenSequence(out, named=self._origin is not None)
        sync = self._options.sync
        needed = self._options.min_views or len(self._topics.views)
        sets = FrameSets(self._bag, self._topics, sync)
        for view in self._topics.views:
            (self._folder / IMAGES / f"camera_{view}").mkdir(parents=True)
        if self._truth is not None:
            (self._folder / ANNOTATIONS[0]).mkdir()
        for frames in sets:
            if not self._takes(frames, result, needed):
                continue
            stem = self._stem(frames.stamp_ns, result)
            for frame in frames.frames.values():
                self._write_image(frame, stem)
            result.truths += self._write_annotation(frames.stamp_ns, stem)
            result.frames += 1
            if progress is not None:
                progress(result.frames)
        self._finish(sets, result, needed)
        return result

    def _takes(self, frames: FrameSet, result: WrittenSequence, needed: int) -> bool:
        """Return whether a set belongs into the sequence; count why not."""
        if len(frames.frames) < needed:
            result.partial += 1
        elif frames.stamp_ns in self._seen_ns:  # a clock was set back: frames must not replace each other
            result.repeated += 1
        elif damage := image_damage(frames):
            result.undecoded.append(damage)
        else:
            self._seen_ns.add(frames.stamp_ns)
            return True
        return False

    def _stem(self, stamp_ns: int, result: WrittenSequence) -> str:
        stem = self._origin.stem(stamp_ns) if self._origin is not None else None
        if stem is None:
            result.named = False
        return stem if stem is not None else f"{result.frames:06d}"

    def _write_image(self, frame: Frame, stem: str) -> None:
        folder = self._folder / IMAGES / f"camera_{frame.view}"
        if isinstance(frame.data, bytes):
            (folder / f"{stem}{SUFFIXES[frame.encoding]}").write_bytes(frame.data)
            return
        image = cv2.cvtColor(frame.data, cv2.COLOR_RGB2BGR) if frame.encoding == "rgb8" else frame.data
        (folder / f"{stem}{RAW_SUFFIX}").write_bytes(cv2.imencode(RAW_SUFFIX, image)[1].tobytes())

    def _write_annotation(self, stamp_ns: int, stem: str) -> bool:
        if self._truth is None:
            return False
        assert self._rig is not None
        joints_device = self._truth.at(stamp_ns, round(self._options.truth_tolerance_ms * 1e6))
        if joints_device is None:
            return False
        text = json.dumps(annotation(joints_device, self._rig))
        (self._folder / ANNOTATIONS[0] / f"{stem}.json").write_text(text)
        return True

    def _truth_remarks(self, result: WrittenSequence) -> Iterator[str]:
        if self._truth is None:
            yield f"No ground truth ({self._topics.truth}): images only, which cannot be trained on."
            if hint := truth_hint(self._bag.topics, self._topics):
                yield hint
        elif result.truths < result.frames:
            yield f"{result.frames - result.truths} frames have no ground truth near their stamp."

    def _finish(self, sets: FrameSets, result: WrittenSequence, needed: int) -> None:
        result.partial += sets.synchronizer.status(sets.now_ns).dropped_sets
        if not result.frames:
            unread = [
                f"{len(sets.damaged)} images could not be read, the first: {words} " for words in sets.damaged[:1]
            ]
            raise BagError(
                f"{self._bag.path}: no moment with images of {needed} views ({', '.join(self._topics.views)}) within "
                f"{self._options.sync.tolerance_ms:g} ms; {result.partial} had fewer. {_undecoded(result.undecoded)}"
                f"{''.join(unread)}"
                "`egorear bag check` says what is wrong."
            )
        if self._rig is not None:
            save_rig(self._rig, self._folder / RIG_FILE, note=f"Of the recording {self._bag.path.name}.")
        result.remarks += self._truth_remarks(result)
        if result.partial:
            result.remarks.append(f"{result.partial} moments had images of fewer than {needed} views: left out.")
        if self._origin is not None and not result.named:
            result.remarks.append("Some stamps are not those of the original frames: they are numbered instead.")
        if result.repeated:
            result.remarks.append(f"{result.repeated} moments have a stamp that came before: left out.")
        if result.undecoded:
            result.remarks.append(_undecoded(result.undecoded).strip())
        result.partial_recording = bool(sets.damaged or result.undecoded or result.repeated)
        damaged = sets.damaged + (self._truth.damaged if self._truth is not None else [])
        if damaged:
            result.remarks.append(f"{len(damaged)} messages could not be read, the first: {damaged[0]}")


def add_to_split(sequence: Path, split: str) -> Path:
    """Name a sequence in `<split>.txt` of the folder it is in, once; return that file."""
    index = sequence.parent / f"{split}.txt"
    lines = index.read_text().splitlines() if index.is_file() else []
    if sequence.name not in lines:
        part = index.with_name(f".{index.name}.{os.getpid()}.part")
        part.write_text("\n".join([*lines, sequence.name]) + "\n")
        part.replace(index)
    return index


def _undecoded(damages: Sequence[str]) -> str:
    """Name images that cannot be decoded, some of them; empty: all can."""
    if not damages:
        return ""
    more = [f"and {len(damages) - NAMED} more"] if len(damages) > NAMED else []
    named = "; ".join([*damages[:NAMED], *more])
    return f"{len(damages)} moments have an image that cannot be decoded: left out. {named}. "


def _judge(bag: Bag, rig: Rig | None, options: DatasetOptions, result: WrittenSequence) -> None:
    """Say what `egorear bag check` finds wrong where it makes the sequence a part, or doubtful."""
    report = check_bag(bag, rig, options.namespace, options.sync)
    partial = dict.fromkeys([*(finding.words for finding in report.findings if finding.is_partial), *bag.problems])
    result.remarks += partial
    result.partial_recording |= bool(partial)


def _check_target(out: Path, overwrite: bool) -> None:
    if out.exists() and not overwrite:
        raise BagError(f"{out} exists. Choose another name, or replace it with --force.")
    if not out.parent.is_dir():
        raise BagError(f"{out}: there is no folder {out.parent}. Make it first.")


def _check_topics(bag: Bag, topics: RigTopics) -> None:
    names = {topic.name for topic in bag.topics}
    missing = [topic for topic in topics.images.values() if topic not in names]
    if missing or not topics.views:
        wanted = f"topic {', '.join(missing)}" if missing else "camera topics (<view>/image_raw/compressed)"
        hints = suggest_remaps(bag.topics, topics)
        hint = f"{remap_hint(hints)} " if hints else ""
        raise BagError(
            f"{bag.path} has no {wanted}; it has: {', '.join(sorted(names)) or 'no topics'}. "
            f"{hint}--calib and --namespace choose other cameras."
        )


def _truth(bag: Bag, topics: RigTopics, rig: Rig | None) -> BagTruth | None:
    """Return the ground truth, if there is some; annotations need the rig for places in images."""
    if not any(topic.name == topics.truth and topic.type == BODY_POSE for topic in bag.topics):
        return None
    truth = BagTruth(bag, topics.truth)
    if len(truth) and rig is None:
        raise BagError(
            f"{bag.path} has ground truth but does not carry its rig. Give --calib: annotations say where "
            "the joints are in every image."
        )
    return truth if len(truth) else None


def _rounded(values: FloatArray) -> Any:
    return np.round(values, 10).tolist()
