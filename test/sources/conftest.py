"""A small rig, and images whose content tells which one they are."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from egorear_ros.structures import Camera, EquidistantLens, Rig

sys.path.insert(0, str(Path(__file__).parent))  # fake_camera.py

WIDTH, HEIGHT = 64, 48


@pytest.fixture
def rig() -> Rig:
    lens = EquidistantLens(WIDTH, HEIGHT, (20.0, 20.0), (31.5, 23.5), (0.0, 0.0, 0.0, 0.0), 1.6)
    views = ("front_left", "front_right", "back_left")
    return Rig("small", tuple(Camera(view, lens, np.eye(4)) for view in views), "calib/small.yaml")


@pytest.fixture
def write_image() -> Callable[..., bytes]:
    """Write an image of one grey level; return the file's bytes."""

    def write(path: Path, level: int = 0, size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
        path.parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        Image.new("RGB", size, (level, level, level)).save(buffer, "PNG" if path.suffix == ".png" else "JPEG")
        path.write_bytes(buffer.getvalue())
        return buffer.getvalue()

    return write
