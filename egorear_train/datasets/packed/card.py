"""What a pack says about itself: card.json in its folder. A pack without one is not finished."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egorear_ros.geometry.lens_fields import lens_to_dict
from egorear_ros.geometry.rig_difference import place_difference
from egorear_ros.structures import Rig
from egorear_train.datasets.errors import DatasetError

FORMAT = "egorear_pack/1"
CARD = "card.json"


def index_file(split: str) -> str:
    """Return the name of a split's index: uint32 (frames, 1 + 2 (1 + V)), shard and then `Shard.rows`."""
    return f"{split}/index.npy"


def shard_file(split: str, number: int) -> str:
    """Return the name of a shard inside the pack."""
    return f"{split}/{split}-{number:06d}.tar"


def describe_rig(rig: Rig) -> dict[str, Any]:
    """Return what of a rig decides about samples: lenses by view, and where Syn's cameras are."""
    views = {
        camera.view: {
            "lens": lens_to_dict(camera.lens),
            "T_device_camera": camera.T_device_camera.tolist() if np.isfinite(camera.T_device_camera).all() else None,
        }
        for camera in rig.cameras
    }
    return {"name": rig.name, "views": views}


@dataclass(frozen=True)
class PackedSplit:
    """One split of a pack.

    Attributes:
        frames: how many.
        has_visibility: whether the data set says which joints a view sees.
        shards: name and size in bytes of each shard.
    """

    frames: int
    has_visibility: bool
    shards: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Card:
    """What reading a pack needs of its card.

    Attributes:
        image_size: height and width of the images, px.
        lenses: entry `lens` of a rig file, by view, in the order of the files.
        places: T_device_camera by view, (4, 4), m; NaN where each recording has its own.
        splits: by name.
    """

    image_size: int
    lenses: Mapping[str, Any]
    places: Mapping[str, NDArray[np.float64]]
    splits: Mapping[str, PackedSplit]


def parse_card(text: bytes, where: str) -> Card:
    """Read a card.

    Raises:
        DatasetError: it is damaged or of another format.
    """
    try:
        content = json.loads(text)
        if content["format"] != FORMAT:
            raise DatasetError(f"{where} is of format {content['format']!r}; expected {FORMAT}. Pack the data again.")
        splits = {
            name: PackedSplit(
                int(split["frames"]),
                bool(split["has_visibility"]),
                tuple((str(shard["file"]), int(shard["bytes"])) for shard in split["shards"]),
            )
            for name, split in content["splits"].items()
        }
        lenses = {view: entry["lens"] for view, entry in content["rig"]["views"].items()}
        places = {view: _place(entry["T_device_camera"]) for view, entry in content["rig"]["views"].items()}
        return Card(int(content["image_size"]), lenses, places, splits)
    except (KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{where} is damaged ({type(error).__name__}: {error}). Pack the data again.") from error
    except ValueError as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{where} is not JSON ({error}). Pack the data again.") from error


def check_rig(card: Card, rig: Rig, image_size: int, where: str) -> tuple[int, ...]:
    """Return the places of a rig's views in a pack.

    Raises:
        DatasetError: the pack has other views, lenses, places of cameras or another image size.
    """
    if image_size != card.image_size:
        raise DatasetError(
            f"{where} holds images of {card.image_size} px; the model takes {image_size} px. "
            f"Pack the data again with --size {image_size}."
        )
    names = list(card.lenses)
    for camera in rig.cameras:
        if camera.view not in names:
            raise DatasetError(
                f"{where} has no view {camera.view}, which rig {rig.name} has; it has {', '.join(names)}."
            )
        if lens_to_dict(camera.lens) != card.lenses[camera.view]:
            raise DatasetError(
                f"{where} was packed with another lens of {camera.view} than that of rig {rig.name} ({rig.source}). "
                "Train with the rig that it was packed with, or pack the data again: with --virtual-cameras if "
                "the recipe sets model.virtual_cameras, and without if not."
            )
        if moved := place_difference(camera.T_device_camera, card.places[camera.view]):
            raise DatasetError(
                f"{where} was packed with {camera.view} at another place than in rig {rig.name} ({rig.source}), "
                f"{moved}. Train with the rig that it was packed with: --model.rig FILE."
            )
    return tuple(names.index(view) for view in rig.views)


def _place(matrix: list[list[float]] | None) -> NDArray[np.float64]:
    return np.full((4, 4), np.nan) if matrix is None else np.array(matrix, dtype=np.float64).reshape(4, 4)


def index_of(shards: list[list[list[int]]]) -> NDArray[np.uint32]:
    """Return the index of a split from the rows of its shards."""
    return np.array([[number, *row] for number, rows in enumerate(shards) for row in rows], dtype=np.uint32)
