"""Run estimators over data sets or recordings, as often as an ablation asks."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from egorear_ros.commands.eval_common import ViewSet

if TYPE_CHECKING:
    from rich.console import Console

    from egorear_eval.clip import Clip
    from egorear_ros.estimators.base import Estimator
    from egorear_ros.structures import Rig

    MakeEstimators = Callable[[Rig], dict[ViewSet, Estimator]]
    Clips = dict[ViewSet, list[Clip]]

NS_MS = 1_000_000
BAG_SUFFIXES = (".mcap", ".db3", ".zstd", ".bag")


def is_recording(path: str) -> bool:
    """Return whether a path is a recording and not a data set."""
    place = Path(path).expanduser()
    return place.suffix in BAG_SUFFIXES or (place / "metadata.yaml").is_file() or any(place.glob("*.mcap"))


def evaluate_pass(args: argparse.Namespace, make: "MakeEstimators", console: "Console") -> "Clips":
    """Return the compared frames by views.

    Args:
        args: `paths`, all of them recordings or none, and what else says how to read them.
        make: estimators for a rig.
        console: for progress.

    Raises:
        EvaluationError: nothing could be compared, or recordings and data sets are mixed.
    """
    from egorear_eval.clip import EvaluationError

    recordings = [path for path in args.paths if is_recording(path)]
    if recordings and len(recordings) < len(args.paths):
        raise EvaluationError(f"{recordings[0]} is a recording and other paths are not; ablate one kind at a time.")
    clips = _bags(args, make) if recordings else _dataset(args, make, console)
    if not all(clips.values()):
        empty = next(views for views, found in clips.items() if not found)
        raise EvaluationError(
            f"no frame could be compared with the views {', '.join(empty)}. `egorear eval "
            f"{'bag' if recordings else 'dataset'}` says why."
        )
    return clips


def _dataset(args: argparse.Namespace, make: "MakeEstimators", console: "Console") -> "Clips":
    from egorear_eval.dataset import find_sequences
    from egorear_ros.commands.eval_dataset import evaluate_all, tell_other_cameras
    from egorear_ros.geometry.rig_file import load_rig

    rig = load_rig(args.calib or "ego4view_syn")
    sequences = find_sequences(args.paths, args.split)
    estimators = make(rig)
    tell_other_cameras(sequences, rig, console)
    results = evaluate_all(args, sequences, rig, estimators, console)
    return {views: [result.clips[views] for result in results if len(result.clips[views])] for views in estimators}


def _bags(args: argparse.Namespace, make: "MakeEstimators") -> "Clips":
    found: Clips = {}
    for path in args.paths:
        for views, clips in _bag(args, Path(path), make).items():
            found.setdefault(views, []).extend(clips)
    return found


def _bag(args: argparse.Namespace, path: Path, make: "MakeEstimators") -> "Clips":
    from egorear_eval.clip import EvaluationError
    from egorear_eval.recording import evaluate_recording
    from egorear_eval.recording_run import open_recording
    from egorear_eval.track import compare_by_stamp, make_track_clip
    from egorear_ros.bags.bag import open_bag
    from egorear_ros.config import SyncConfig
    from egorear_ros.geometry.rig_file import load_rig

    sync = SyncConfig()
    tolerance_ns = round(sync.tolerance_ms * NS_MS)
    with open_bag(path) as bag:
        rig = load_rig(args.calib) if args.calib else None
        recording = open_recording(bag, rig, None, sync, args.truth)
        if recording.verdict.partial:
            raise EvaluationError(
                f"{path} is not whole: {recording.verdict.partial[0]} A table of a part would not be comparable. "
                "`egorear eval bag` evaluates what there is."
            )
        if recording.truth is None:
            raise EvaluationError(f"{path} has no ground truth to compare with. Give the folder with --truth.")
        result = evaluate_recording(bag, recording.topics, recording.sync, make(recording.rig))
    if result.stopped:
        raise EvaluationError(f"{path}: {result.stopped}. A table of a part would not be comparable.")
    name = path.resolve().name
    sides = {views: compare_by_stamp(rows, recording.truth, tolerance_ns) for views, rows in result.rows.items()}
    return {views: [make_track_clip(name, side)] for views, side in sides.items() if side.rows}


def stamps_of(clip: "Clip", recordings: bool, rate_hz: float, every: int) -> list[int]:
    """Return the stamps of a clip's frames, ns.

    Args:
        clip: of a recording, whose frames are named by their stamps, or of a sequence.
        recordings: whether it is of a recording.
        rate_hz: of a sequence that does not say; 0: none was given.
        every: only every n-th frame of a sequence was used.

    Raises:
        EvaluationError: the sequence does not say its rate, and none was given.
    """
    from egorear_eval.clip import EvaluationError
    from egorear_eval.sequence import frame_rate_hz

    if recordings:
        return [int(frame) for frame in clip.frames]
    rate_hz = frame_rate_hz(Path(clip.name)) or rate_hz
    if not rate_hz:
        raise EvaluationError(f"{clip.name} does not say its frame rate, which smoothing needs. Give it with --rate.")
    return [round(index * every * 1e9 / rate_hz) for index in range(len(clip))]
