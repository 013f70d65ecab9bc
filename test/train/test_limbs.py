"""EgoTAP's targets and losses of limbs, against drawing and filtering, and by hand."""

import cv2
import numpy as np
import pytest
import torch
from dotted_frames import batch_of, dotted_frames

pytest.importorskip("lightning")

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.heatmap import encode_heatmaps
from egorear_ros.skeleton import EGO4VIEW
from egorear_train.limbs import BONE_WEIGHT, LIMBS, bone_loss, draw_lines, encode_limbs, limb_error

FINE = 8
"""Pixels of the naive twin's canvas to one of the map."""


def drawn_and_filtered(start: tuple[float, float], end: tuple[float, float], size: int) -> np.ndarray:
    """The naive twin: a line one pixel wide on a finer canvas, blurred, averaged and doubled."""
    canvas = np.zeros((FINE * size, FINE * size), np.float32)
    along = np.subtract(end, start)
    length = float(np.hypot(*along))
    along = along / length if length else np.array([1.0, 0.0])
    axis = (np.arange(FINE * size) + 0.5) / FINE - 0.5
    u, v = np.meshgrid(axis, axis)
    forward = (u - start[0]) * along[0] + (v - start[1]) * along[1]
    aside = (v - start[1]) * along[0] - (u - start[0]) * along[1]
    canvas[(forward >= -0.5) & (forward <= length + 0.5) & (np.abs(aside) <= 0.5)] = 1.0
    blurred = cv2.GaussianBlur(canvas, (0, 0), FINE * 1.0, borderType=cv2.BORDER_CONSTANT)
    return 2.0 * blurred.reshape(size, FINE, size, FINE).mean(axis=(1, 3))


@pytest.mark.parametrize(
    ("start", "end"),
    [((8, 8), (24, 8)), ((5.3, 20.1), (25.6, 11.7)), ((20, 26), (20, 9)), ((16.4, 16.2), (16.4, 16.2))],
)
def test_lines_are_those_that_are_drawn_and_filtered(start: tuple[float, float], end: tuple[float, float]) -> None:
    found = draw_lines(torch.tensor(start).float(), torch.tensor(end).float(), 32).numpy()
    expected = drawn_and_filtered(start, end, 32)
    assert expected.max() > 0.2
    np.testing.assert_allclose(found, expected, atol=0.01)
    assert float(found.sum()) == pytest.approx(float(expected.sum()), rel=0.01)


def test_limbs_lie_between_the_peaks_of_their_joints_and_know_their_elevation() -> None:
    rig = load_rig("ego4view_syn")
    batch = batch_of(dotted_frames(rig, count=2))
    maps, lengths = encode_limbs(batch, rig, 16)  # type: ignore[arg-type]
    assert maps.shape == (2, 4, 14, 2, 16, 16)
    assert maps.isfinite().all()
    heatmaps = encode_heatmaps(batch["pixels"], (872, 872), 16)
    place = LIMBS.index((EGO4VIEW.index("left_elbow"), EGO4VIEW.index("left_wrist")))
    peaks = [heatmaps[1, 2, joint - 1].flatten().argmax() for joint in LIMBS[place]]
    apart = [(int(peak) % 16, int(peak) // 16) for peak in peaks]
    strength = maps[1, 2, place].norm(dim=0)
    assert all(float(strength[v, u]) > 0.25 * float(strength.max()) for u, v in apart)
    assert float(lengths[1, 2, place]) == pytest.approx(np.hypot(*np.subtract(*apart)), abs=1.5)
    # By hand, in the camera's frame.
    T = batch["T_camera_device"][1, 2].numpy()
    ends = [T[:3, :3] @ batch["joints_cm"][1, joint].numpy() for joint in LIMBS[place]]
    along = ends[1] - ends[0]
    sine = along[2] / np.linalg.norm(along)
    brightest = np.unravel_index(int(strength.argmax()), (16, 16))
    ratio = maps[1, 2, place, 1][brightest] / strength[brightest]
    assert float(ratio) == pytest.approx(sine, abs=1e-4)


def test_long_limbs_count_less() -> None:
    target = torch.zeros(1, 1, 2, 2, 8, 8)
    predicted = torch.ones_like(target)
    lengths = torch.tensor([[[0.0, 8.0]]])
    assert float(limb_error(predicted, target, lengths)) == pytest.approx(10.0 * (1.0 + 1.0 / 3.0) / 2.0)
    assert float(limb_error(target, target, lengths)) == 0.0


def test_bones_are_compared_by_their_directions() -> None:
    joints = torch.from_numpy(np.random.default_rng(0).normal(0.0, 30.0, (4, 16, 3))).float()
    assert float(bone_loss(joints, joints)) == pytest.approx(-15 * BONE_WEIGHT, rel=1e-5)
    assert float(bone_loss(3.0 * joints + 5.0, joints)) == pytest.approx(-15 * BONE_WEIGHT, rel=1e-5)
    assert float(bone_loss(-joints, joints)) == pytest.approx(15 * BONE_WEIGHT, rel=1e-5)
    flat = torch.zeros(4, 16, 3, requires_grad=True)  # bones without length have no direction
    bone_loss(flat, joints).backward()
    assert flat.grad is not None
    assert flat.grad.isfinite().all()
