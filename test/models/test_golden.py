"""The networks are the published ones: every tensor that the reference recorded agrees."""

from typing import Any

import numpy as np
import torch

POSE_TOLERANCE_CM = 1e-4
MAP_TOLERANCE = 1e-3
"""Activations reach 200, where single precision resolves 2e-5."""


def _assert_close(ours: torch.Tensor, reference: Any, atol: float) -> None:
    np.testing.assert_allclose(ours.numpy(), reference, rtol=0.0, atol=atol)


def test_backbone_levels_and_neck(golden_run: Any) -> None:
    reference = golden_run.reference
    for level, name, step in zip(golden_run.levels, ("s4", "s8", "s16", "s32"), (8, 4, 2, 1), strict=True):
        _assert_close(level[:, :, :8, ::step, ::step], reference[f"front_{name}"], MAP_TOLERANCE)
    _assert_close(golden_run.features[:, :2, :8, ::8, ::8], reference["front_neck"], MAP_TOLERANCE)
    _assert_close(golden_run.features[:, :, ::16, ::8, ::8], reference["feat_init_sub"], MAP_TOLERANCE)


def test_first_heatmaps_and_their_peaks(golden_run: Any) -> None:
    reference, refinement = golden_run.reference, golden_run.output.refinement
    _assert_close(refinement.heatmaps[..., ::4, ::4], reference["hm_init_sub"], MAP_TOLERANCE)
    np.testing.assert_array_equal(refinement.peaks.uv, reference["anchors2d_init"])
    np.testing.assert_array_equal(refinement.peaks.valid, reference["valid_init"])
    _assert_close(refinement.peaks.score, reference["maxval_init"], MAP_TOLERANCE)


def test_refiner_of_the_front_left_view(golden_run: Any) -> None:
    view = golden_run.output.refinement.views[0]
    _assert_close(view.query, golden_run.reference["refiner_FL_query_in"], 1e-3)
    _assert_close(view.refined_query, golden_run.reference["refiner_FL_query_out"], 1e-4)


def test_refined_features_and_heatmaps(golden_run: Any) -> None:
    reference, refinement = golden_run.reference, golden_run.output.refinement
    _assert_close(refinement.features[:, :, ::16, ::8, ::8], reference["feat_ref_sub"], MAP_TOLERANCE)
    _assert_close(refinement.refined_heatmaps[..., ::4, ::4], reference["hm_ref_sub"], MAP_TOLERANCE)


def test_anchors_of_the_lifter(golden_run: Any) -> None:
    reference, anchors = golden_run.reference, golden_run.output.lift.anchors
    _assert_close(anchors.points_cm, reference["lift_anchor3d_after"], POSE_TOLERANCE_CM)
    _assert_close(anchors.uv, reference["lift_anchor2d"], 1e-5)
    np.testing.assert_array_equal(anchors.valid, reference["lift_valid"])


def test_poses(golden_run: Any) -> None:
    _assert_close(golden_run.output.lift.poses_cm, golden_run.reference["poses"], POSE_TOLERANCE_CM)
    _assert_close(golden_run.output.lift.joints_cm, golden_run.reference["poses"][-1], POSE_TOLERANCE_CM)
