"""Open data sets by what their folders hold."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from egorear_ros.geometry.virtual_camera import virtual_rig
from egorear_ros.sources.sequence import SPLIT_FILES
from egorear_ros.structures import Rig
from egorear_train.datasets.base import FrameDataset
from egorear_train.datasets.ego4view import Ego4ViewDataset
from egorear_train.datasets.errors import DatasetError
from egorear_train.datasets.frames import is_dataset, splits_in
from egorear_train.datasets.mixed import JoinedDataset, MixedDataset
from egorear_train.datasets.packed.card import CARD
from egorear_train.datasets.packed.dataset import PackedDataset, read_card
from egorear_train.datasets.packed.pack import UNFINISHED
from egorear_train.datasets.packed.storage import open_storage

Roots = str | Path | Sequence[str | Path] | Mapping[str, float]
AnyDataset = FrameDataset | MixedDataset | JoinedDataset


def make_dataset(
    roots: Roots,
    split: str,
    rig: Rig,
    image_size: int = 256,
    *,
    virtual_cameras: bool = False,
    quirks: Collection[str] = (),
    seed: int = 42,
    length: int | None = None,
    cache: Path | None = None,
    cache_gb: float | None = None,
) -> AnyDataset:
    """Open one or several data sets: original files, packs, or both.

    Several are mixed for the train split, by their weights if given and else by their sizes. For other
    splits every frame comes once and weights have no part in it; a data set without that split is left
    out, unless none has it.

    Args:
        roots: a folder or URL, several, or several with weights.
        split: train, validation or test.
        rig: whose views are wanted, in this order.
        image_size: height and width of the images, px.
        virtual_cameras: whether images and targets are those of `geometry.virtual_camera`; packs are made with them
            or without.
        quirks: names of `frames.QUIRKS`; they do not apply to packs, which were made with or without them.
        seed: of the order of draws from a mixture.
        length: draws of an epoch of a mixture; by default as many as there are frames.
        cache: folder for shards fetched from URLs.
        cache_gb: size above which the oldest of them are removed again.

    Raises:
        DatasetError: a root holds no data set, or what it holds is incomplete.
    """
    weights = _weights(roots)
    if split != "train" and len(weights) > 1:
        weights = {root: weight for root, weight in weights.items() if split in splits_of(root)} or weights
    parts = [
        (_open(root, split, rig, image_size, quirks, virtual_cameras, cache, cache_gb), weight)
        for root, weight in weights.items()
    ]
    if len(parts) == 1:
        return parts[0][0]
    if split != "train":
        return JoinedDataset([part for part, _ in parts])
    return MixedDataset([(part, weight or float(len(part))) for part, weight in parts], seed, length)


def splits_of(root: str) -> tuple[str, ...]:
    """Return the splits that a data set has.

    Raises:
        DatasetError: the root holds no data set.
    """
    if _is_pack(root):
        return tuple(read_card(open_storage(root)).splits)
    splits = splits_in(Path(root))
    if not splits:
        raise _no_dataset(Path(root))
    return splits


def pack_size(root: str) -> int | None:
    """Return the image size of a pack, px; None for original files."""
    return read_card(open_storage(root)).image_size if _is_pack(root) else None


def _weights(roots: Roots) -> dict[str, float | None]:
    """Return the weight of each root, None where only its size counts."""
    if isinstance(roots, Mapping):
        if any(weight == 0 for weight in roots.values()):
            raise DatasetError("a data set has weight 0; leave it out instead.")
        found: dict[str, float | None] = {str(root): float(weight) for root, weight in roots.items()}
    else:
        found = {str(root): None for root in ([roots] if isinstance(roots, str | Path) else roots)}
    if not found:
        raise DatasetError("no data set is named; expected the folder or URL of one or more.")
    return found


def _is_pack(root: str) -> bool:
    return "://" in root or (Path(root) / CARD).is_file() or (Path(root) / UNFINISHED).is_dir()


def _no_dataset(path: Path) -> DatasetError:
    if not path.is_dir():
        return DatasetError(f"there is no folder {path}. Correct the path of the data set.")
    return DatasetError(
        f"{path} holds no data set: neither {CARD} of a pack nor any of "
        f"{', '.join(SPLIT_FILES)}. Is this the data set's own folder?"
    )


def _open(
    root: str,
    split: str,
    rig: Rig,
    image_size: int,
    quirks: Collection[str],
    virtual_cameras: bool,
    cache: Path | None,
    cache_gb: float | None,
) -> FrameDataset:
    if _is_pack(root):
        seen = virtual_rig(rig) if virtual_cameras else rig
        return PackedDataset(root, split, seen, image_size, cache=cache, cache_gb=cache_gb)
    if is_dataset(Path(root)):
        return Ego4ViewDataset(root, split, rig, image_size, quirks, virtual_cameras)
    raise _no_dataset(Path(root))
