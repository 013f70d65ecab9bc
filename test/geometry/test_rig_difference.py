"""What is told of two calibrations that differ."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egorear_ros.geometry.rig_difference import place_difference, rig_difference
from egorear_ros.geometry.rig_file import load_rig, save_rig
from egorear_ros.geometry.virtual_camera import virtual_rig

RIG = load_rig("ego4view_syn")


def test_a_rig_is_like_itself_and_its_file(tmp_path: Path) -> None:
    for number, rig in enumerate((RIG, virtual_rig(RIG))):
        save_rig(rig, tmp_path / f"{number}.yaml")
        assert rig_difference(rig, load_rig(str(tmp_path / f"{number}.yaml"))) == ""
    assert rig_difference(RIG.select(("back_left",)), RIG) == ""


def test_what_differs_is_named() -> None:
    first, *others = RIG.cameras
    lens = replace(first.lens, center_px=(400.0, 400.0))
    assert rig_difference(RIG, RIG.select(("back_left", "back_right"))) == (
        "no view front_left; it has back_left, back_right"
    )
    assert (
        rig_difference(RIG, replace(RIG, cameras=(replace(first, lens=lens), *others))) == "another lens of front_left"
    )


@given(st.floats(0.0, 0.1), st.floats(0.0, 3.0), st.integers(0, 99))
def test_places_are_compared_in_mm_and_degrees(distance_m: float, angle_rad: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    axes = random.normal(size=(2, 3))
    shift, axis = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    moved = RIG.cameras[0].T_device_camera.copy()
    moved[:3, 3] += distance_m * shift
    moved[:3, :3] = moved[:3, :3] @ cv2.Rodrigues(angle_rad * axis)[0]
    found = place_difference(RIG.cameras[0].T_device_camera, moved)
    if found:
        mm, degrees = (float(part.split()[0]) for part in found.split(" and "))
        assert mm == pytest.approx(1000.0 * distance_m, abs=0.06)
        assert degrees == pytest.approx(np.degrees(angle_rad), abs=0.006)
    else:
        assert distance_m < 1.1e-4 and angle_rad < 2.1e-4


def test_a_place_that_is_not_known_differs_from_none() -> None:
    assert place_difference(np.full((4, 4), np.nan), RIG.cameras[0].T_device_camera) == ""
