"""The uncertainty's one factor: found, applied to the answer, and nothing else changed."""

from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip("lightning")

from egorear_ros.estimators.confidence import within
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.models.small.network import SMALL, EgoRearSmall
from egorear_train.calibrate import expected_error, measure, scale_by

RIG = load_rig("ego4view_syn")
TINY = replace(SMALL, image_size=64, backbone_channels=8, channels=16, lifter_layers=1)


def network() -> EgoRearSmall:
    torch.manual_seed(0)
    return EgoRearSmall(TINY, RIG).eval().requires_grad_(False)


def test_scales_change_by_the_factor_and_joints_do_not() -> None:
    net = network()
    images = torch.randn(2, 4, 3, 64, 64)
    before = net(images).lift
    scale_by(net, 1.7)
    after = net(images).lift
    torch.testing.assert_close(after.scale_cm, 1.7 * before.scale_cm)
    torch.testing.assert_close(after.scales_cm[:-1], before.scales_cm[:-1], atol=0, rtol=0)
    torch.testing.assert_close(after.poses_cm, before.poses_cm, atol=0, rtol=0)


def test_measured_over_all_frames() -> None:
    net = network()
    batches = [
        {
            "images": torch.randint(0, 255, (count, 4, 3, 64, 64), dtype=torch.uint8),
            "joints_cm": torch.randn(count, 16, 3),
            "T_camera_device": net.lifter.project.T_camera_device.expand(count, -1, -1, -1),
            "meta": [],
        }
        for count in (3, 2)
    ]
    distances, scales = measure(net, batches)  # type: ignore[arg-type]
    assert distances.shape == scales.shape == (5, 16)


def test_the_factor_makes_confidences_honest() -> None:
    """Errors drawn with scales twice as large as claimed."""
    rng = np.random.default_rng(0)
    claimed = rng.uniform(0.5, 4.0, (5000, 16))
    distances = rng.gamma(3.0, 2.0 * claimed)
    factor = (distances / claimed).mean() / 3.0
    assert factor == pytest.approx(2.0, rel=0.02)
    assert expected_error(within(claimed), distances) > 0.1
    assert expected_error(within(factor * claimed), distances) < 0.02
