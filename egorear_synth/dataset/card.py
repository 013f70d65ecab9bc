"""The card of a data set: what is in it, in numbers, from the files of its sequences alone."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.sources.sequence import SPLITS
from egorear_synth.dataset.finished import SplitFiles, read_sequence, sequence_folders
from egorear_synth.dataset.settings import FORMAT, read_settings
from egorear_synth.dataset.sheet import write_sheet
from egorear_synth.dataset.writer import dump_json, write_whole

CARD_FILE = "dataset.json"
MOST_VALUES = 12
"""A fact with more different words than this is counted, not listed."""


def write_card(root: Path) -> None:
    """Write card, split files and contact sheets of all finished sequences.

    Raises:
        SynthError: the folder is no data set, a sequence's file is damaged, or the disk is full.
    """
    settings = read_settings(root)
    folders: list[Path] = []
    # Other machines may finish sequences meanwhile; the last to look has seen everything.
    while True:
        found = sequence_folders(root)
        if found == folders and (root / CARD_FILE).is_file():
            return
        folders = found
        SplitFiles(root).update()
        sequences = [read_sequence(folder) for folder in folders]
        for split in SPLITS:
            chosen = [folder for folder, known in zip(folders, sequences, strict=True) if known["split"] == split]
            write_sheet(root, split, chosen)
        write_whole(root / CARD_FILE, dump_json(make_card(settings, sequences), indent=1).encode())


def make_card(settings: Mapping[str, Any], sequences: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the card as JSON values.

    Args:
        settings: of the data set.
        sequences: what is known of each finished one.
    """
    return {
        "format": FORMAT,
        "settings": {key: value for key, value in settings.items() if key not in ("format", "clips", "textures")},
        "made_with": _distinct(known["made_with"] for known in sequences),
        "counts": {
            split: count_sequences([known for known in sequences if known["split"] == split])
            for split in (*SPLITS, "all")
        }
        | {"all": count_sequences(sequences)},
        "textures": len(settings.get("textures", {})),
        "clips": {split: _clips(sequences, split) for split in SPLITS},
        "visible_share": visible_shares(sequences),
        "body": _statistics(known["person"] for known in sequences)
        | {"bone_lengths_cm": _statistics(known["summary"]["bone_lengths_cm"] for known in sequences)},
        "motion": {
            "kinds": dict(sorted(Counter(known["motion"]["kind"] for known in sequences).items())),
            "uneven_ground": sum(bool(known["motion"].get("uneven_ground")) for known in sequences),
            "mean_speed_m_s": _statistics(known["summary"]["mean_speed_m_s"] for known in sequences),
            "device_mean_cm": _joint_means(sequences),
            "head_height_cm": _range(known["summary"]["head_height_cm"] for known in sequences),
            "lowest_sole_cm": min((known["summary"]["lowest_sole_cm"] for known in sequences), default=None),
        },
        "place": _statistics(known["place"] for known in sequences),
        "mount": _statistics(known["mount"] for known in sequences),
        "camera": _statistics(known.get("camera", {}) for known in sequences),
    }


def visible_shares(sequences: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Return by view and joint the share of all frames in which the joint is visible."""
    frames, visible = 0, Counter[tuple[str, str]]()
    views: list[str] = []
    for known in sequences:
        frames += known["frames"]
        for view, counts in known["summary"]["visible_frames"].items():
            views += [] if view in views else [view]
            for joint, count in counts.items():
                visible[view, joint] += count
    return {
        view: {joint: round(visible[view, joint] / frames, 4) for joint in EGO4VIEW.dataset_names} for view in views
    }


def count_sequences(sequences: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return how many bodies, sequences, frames, images and clips there are."""
    return {
        "bodies": len({known["character"] for known in sequences}),
        "sequences": len(sequences),
        "frames": sum(known["frames"] for known in sequences),
        "images": sum(known["frames"] * len(known["image_sizes"]) for known in sequences),
        "clips": len({clip for known in sequences for clip in clip_names(known["motion"])}),
    }


def clip_names(motion: Mapping[str, Any]) -> list[str]:
    """Return the clips of a sequence's movement: none, one, or those of its legs and of all above."""
    return [str(part["clip"]) for part in (motion, motion.get("upper") or {}) if "clip" in part]


def _clips(sequences: Iterable[Mapping[str, Any]], split: str) -> list[str]:
    chosen = [known["motion"] for known in sequences if known["split"] == split]
    return sorted({clip for motion in chosen for clip in clip_names(motion)})


def _distinct(values: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({dump_json(value): value for value in values}.values())


def _joint_means(sequences: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Return the mean over sequences of each joint's place in the device frame, cm."""
    if not sequences:
        return {}
    return {
        joint: [
            round(sum(known["summary"]["device_mean_cm"][joint][axis] for known in sequences) / len(sequences), 3)
            for axis in range(3)
        ]
        for joint in EGO4VIEW.dataset_names
    }


def _range(pairs: Iterable[Sequence[float]]) -> list[float]:
    listed = list(pairs)
    return [min(low for low, _ in listed), max(high for _, high in listed)] if listed else []


def _statistics(facts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return minimum, mean and maximum of every number, and the counts of every word, by dotted name."""
    values: dict[str, list[Any]] = {}
    for fact in facts:
        for name, value in _flat("", fact):
            values.setdefault(name, []).append(value)
    return {name: statistic for name, listed in sorted(values.items()) if (statistic := _statistic(listed)) is not None}


def _statistic(values: list[Any]) -> dict[str, Any] | None:
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        mean = sum(values) / len(values)
        return {"min": round(min(values), 4), "mean": round(mean, 4), "max": round(max(values), 4)}
    counts = Counter(str(value) for value in values)
    return dict(sorted(counts.items())) if len(counts) <= MOST_VALUES else {"different": len(counts)}


def _flat(name: str, value: Any) -> Iterable[tuple[str, Any]]:
    """Yield every number and word under a dotted name; things of a list count together, coordinates one by one."""
    if isinstance(value, list) and any(isinstance(inner, Mapping) for inner in value):
        yield f"{name}.count", len(value)
        for inner in value:
            yield from _flat(name, inner)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _flat(f"{name}.{index}", inner)
    elif value is not None:
        yield name, value
