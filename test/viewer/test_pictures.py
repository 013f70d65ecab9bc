"""Images and heatmaps on their way to the browser."""

import cv2
import numpy as np
import pytest
import rig_data

from egorear_ros.structures import Frame
from egorear_ros.viewer.pictures import HEAT_OPACITY, heat_png, small_jpeg


def decoded(data: bytes) -> np.ndarray:
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image


@pytest.mark.parametrize(
    ("width", "height", "asked", "expected"), [(300, 200, 150, (150, 100)), (64, 64, 436, (64, 64))]
)
def test_images_shrink_and_never_grow(width: int, height: int, asked: int, expected: tuple[int, int]) -> None:
    data, *size = small_jpeg(Frame("v", 0, "jpeg", rig_data.jpeg(width, height, grey=77)), asked)
    assert tuple(size) == expected
    picture = decoded(data)
    assert picture.shape == (expected[1], expected[0], 3)
    assert abs(float(picture.mean()) - 77) < 3


def test_raw_images_become_jpeg() -> None:
    red = np.zeros((20, 30, 3), np.uint8)
    red[..., 0] = 200
    data, width, height = small_jpeg(Frame("v", 0, "rgb8", red), 436)
    assert (width, height) == (30, 20)
    assert decoded(data)[10, 15, 2] > 150


def test_damaged_images_are_named() -> None:
    with pytest.raises(ValueError, match="v: damaged jpeg image of 5 bytes"):
        small_jpeg(Frame("v", 0, "jpeg", b"\xff\xd8abc"), 436)


def test_heat_is_opaque_where_a_joint_is_and_clear_elsewhere() -> None:
    maps = np.full((15, 16, 16), -0.4, np.float32)
    maps[3, 4, 12] = 1.7  # row 4, column 12; networks are not bounded
    picture = decoded(heat_png(maps, 160, 80))
    assert picture.shape == (80, 160, 4)
    row, column = np.unravel_index(int(picture[..., 3].argmax()), (80, 160))
    assert abs(row - 22) <= 3
    assert abs(column - 125) <= 6
    assert picture[..., 3].max() == pytest.approx(HEAT_OPACITY, abs=16)
    assert (picture[40:, :, 3] == 0).all()
