"""Contact sheets: some frames of a split side by side, with the joints where the annotations say."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.sources.sequence import ANNOTATIONS, IMAGES, RIG_FILE
from egorear_ros.structures import Rig
from egorear_synth.dataset.errors import SynthError
from egorear_synth.dataset.writer import write_whole

ROWS = 8
WIDTH_PX = 1600
CAPTION_PX = 18
_BGR = {"left": (60, 160, 255), "right": (255, 170, 60), "centre": (90, 230, 90)}
"""Orange is left, blue right, green the middle."""


def write_sheet(root: Path, split: str, folders: Sequence[Path]) -> None:
    """Write contact_sheet_<split>.png: one row per sequence, one column per view.

    Args:
        root: the data set.
        split: names the file.
        folders: sequences of the split; at most `ROWS` of them are shown. None: an old sheet is removed.

    Raises:
        SynthError: an image is missing, or the disk is full or not writable.
    """
    path = root / f"contact_sheet_{split}.png"
    if not folders:
        path.unlink(missing_ok=True)
        return
    sheet = make_sheet(folders, load_rig(str(root / RIG_FILE)))
    write_whole(path, bytes(cv2.imencode(".png", sheet, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1]))


def make_sheet(
    folders: Sequence[Path], rig: Rig, rows: int = ROWS, sets: int = 1, marked: tuple[str, ...] | None = None
) -> NDArray[np.uint8]:
    """Return the middle frames of some sequences side by side, (H, W, 3) BGR.

    Args:
        folders: of the sequences to choose from, one or more.
        rig: its views are the columns.
        rows: of the sheet, at most.
        sets: sequences in a row.
        marked: views in which the joints are drawn; None: all.
    """
    count = min(rows * sets, len(folders))
    chosen = [folders[round(place)] for place in np.linspace(0, len(folders) - 1, count)]
    width = WIDTH_PX // max(sets * len(rig.views), 4)
    strips = [_strip(folder, rig, width, rig.views if marked is None else marked) for folder in chosen]
    blank = np.zeros_like(strips[0])
    strips += [blank] * (-len(strips) % sets)
    return np.concatenate([np.concatenate(strips[at : at + sets], axis=1) for at in range(0, len(strips), sets)])


def _strip(folder: Path, rig: Rig, width: int, marked: tuple[str, ...]) -> NDArray[np.uint8]:
    """Return all views of a sequence's middle frame in a row, with a caption above each."""
    annotations = sorted((folder / ANNOTATIONS[0]).glob("*.json"))
    path = annotations[len(annotations) // 2]
    joints = json.loads(path.read_text())["joints"]
    pictures = []
    for camera in rig.cameras:
        view, lens = camera.view, camera.lens
        image = cv2.imread(str(folder / IMAGES / f"camera_{view}" / f"{path.stem}.jpg"))
        if image is None:
            raise SynthError(f"{folder}: {view} has no readable image {path.stem}.jpg. Generate the sequence again.")
        picture = cv2.resize(image, (width, round(width * lens.height / lens.width)), interpolation=cv2.INTER_AREA)
        if view in marked:
            draw_joints(picture, joints, view, (lens.width, lens.height))
        pictures.append(picture)
    height = max(picture.shape[0] for picture in pictures)
    padded = [np.pad(picture, ((CAPTION_PX, height - picture.shape[0]), (0, 0), (0, 0))) for picture in pictures]
    strip = np.concatenate(padded, axis=1)
    for index, view in enumerate(rig.views):
        caption = f"{folder.name} {path.stem} {view}" if index == 0 and width > 300 else view
        cv2.putText(strip, caption, (index * width + 6, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255,) * 3, 1, cv2.LINE_AA)
    return strip


def draw_joints(picture: NDArray[np.uint8], joints: dict[str, Any], view: str, size: tuple[int, int]) -> None:
    """Draw an annotation's joints into a picture: dots where visible, rings where hidden.

    Args:
        picture: (H, W, 3) BGR, changed.
        joints: by name, of the annotation.
        view: the picture's view.
        size: width and height of the calibrated image, px.
    """
    height, width = picture.shape[:2]
    for index, name in enumerate(EGO4VIEW.dataset_names):
        u, v = np.array(joints[name][f"camera_{view}_pts2d"]) + 0.5
        place = (round(u * width / size[0] - 0.5), round(v * height / size[1] - 0.5))
        if 0 <= place[0] < width and 0 <= place[1] < height:
            visible = joints[name][f"camera_{view}_visible"]
            radius = max(3, width // 100)
            if visible:
                cv2.circle(picture, place, radius + 1, (0, 0, 0), -1, cv2.LINE_AA)
            cv2.circle(picture, place, radius, _BGR[EGO4VIEW.side(index)], -1 if visible else 1, cv2.LINE_AA)
