"""The picture of a whole moment."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import rig_data

from egorear_ros.drawing.colours import TRUTH_RGB, confidence_rgb
from egorear_ros.drawing.picture import save_picture
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.structures import BodyPose

RIG = load_rig("ego4view_syn")
SHADES = {view: 40 + 50 * index for index, view in enumerate(RIG.views)}


def picture(path: Path, estimate: BodyPose | None, truth: BodyPose | None, caption: str = "a caption") -> np.ndarray:
    overlays = {view: np.full((100, 100, 3), shade, np.uint8) for view, shade in SHADES.items()}
    save_picture(path, overlays, RIG, estimate, truth, caption)
    image = cv2.imread(str(path))
    assert image is not None
    return image


def count(image: np.ndarray, rgb: np.ndarray | tuple[float, ...]) -> int:
    """Return how many pixels are of a colour."""
    bgr = 255 * np.asarray(rgb)[::-1]
    return int((np.abs(image - bgr).max(axis=-1) < 8).sum())


def test_views_are_in_rig_order_on_the_left(tmp_path: Path) -> None:
    image = picture(tmp_path / "new folder" / "demo.png", rig_data.body_pose(), None)
    height = image.shape[0]
    cell = height // 2
    centres = [(cell // 2, cell // 2), (cell // 2, cell + cell // 3), (cell + cell // 3, cell // 2)]
    found = [int(image[v, u, 0]) for v, u in centres]
    assert found == [SHADES[view] for view in RIG.views[:3]]


def test_estimate_and_truth_have_their_colours(tmp_path: Path) -> None:
    pose = rig_data.body_pose()
    elbow = confidence_rgb(pose.confidences[15])
    both = picture(tmp_path / "both.png", pose, pose)
    assert count(both, TRUTH_RGB) > 50
    assert count(both, elbow) > 20
    assert count(picture(tmp_path / "truth.png", None, pose), elbow) == 0
    assert count(picture(tmp_path / "estimate.png", pose, None), TRUTH_RGB) == 0


def test_a_rig_of_three_views_fits_too(tmp_path: Path) -> None:
    rig = RIG.select(RIG.views[:3])
    save_picture(tmp_path / "three.png", {}, rig, None, rig_data.body_pose(), "no images")
    assert cv2.imread(str(tmp_path / "three.png")) is not None


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        picture(tmp_path / "file" / "demo.png", None, None)
