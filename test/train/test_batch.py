"""Batches: collated, checked, normalised, turned into targets."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from dotted_frames import FRONT, dotted_frames

from egorear_ros.estimators.preprocess import normalise
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.heatmap import encode_heatmaps
from egorear_train.batch import (
    Batch,
    BatchError,
    check_batch,
    collate,
    encode_targets,
    normalise_images,
    without_substitutes,
)

RIG = load_rig("ego4view_syn").select(FRONT)
NEEDS = ("joints_cm", "pixels", "T_camera_device")


@pytest.fixture
def frames() -> list[dict[str, Any]]:
    return dotted_frames(RIG, count=3)


def checked(frames: list[dict[str, Any]], views: int = 2) -> None:
    check_batch(collate(frames), views, 64, NEEDS)


def test_normalising_equals_the_estimators(frames: list[dict[str, Any]]) -> None:
    images = frames[0]["images"]
    expected = normalise(images.permute(0, 2, 3, 1).numpy())
    np.testing.assert_allclose(normalise_images(images).numpy(), expected, atol=1e-6)


def test_targets_are_drawn_with_the_size_of_each_views_lens(frames: list[dict[str, Any]]) -> None:
    small = replace(RIG.cameras[1], lens=replace(RIG.cameras[1].lens, width=436, height=218))
    rig = replace(RIG, cameras=(RIG.cameras[0], small))
    batch = collate(frames)
    targets = encode_targets(batch, rig, 16)
    for view, size in enumerate([(872, 872), (436, 218)]):
        torch.testing.assert_close(targets[:, view], encode_heatmaps(batch["pixels"][:, view], size, 16))
    single: Batch = {"pixels": batch["pixels"][:, 1:], "view": torch.ones(3, dtype=torch.int64), "meta": batch["meta"]}
    torch.testing.assert_close(encode_targets(single, rig, 16), targets[:, 1:])


def test_good_frames_pass(frames: list[dict[str, Any]]) -> None:
    checked(frames)


@pytest.mark.parametrize("key", NEEDS)
def test_missing_targets_are_named(frames: list[dict[str, Any]], key: str) -> None:
    bare = [{name: value for name, value in frame.items() if name != key} for frame in frames]
    with pytest.raises(BatchError, match=f"frame dotted/clip/0 has no `{key}`.*annotated"):
        checked(bare)


@pytest.mark.parametrize(("factor", "unit"), [(0.01, "metres"), (10.0, "millimetres")])
def test_other_units_are_noticed(frames: list[dict[str, Any]], factor: float, unit: str) -> None:
    with pytest.raises(BatchError, match=f"Are its joints in {unit}"):
        checked([{**frame, "joints_cm": factor * frame["joints_cm"]} for frame in frames])


def test_one_frame_in_another_unit_is_named(frames: list[dict[str, Any]]) -> None:
    frames[2]["joints_cm"] = 0.01 * frames[2]["joints_cm"]
    with pytest.raises(BatchError, match=r"frame dotted/clip/2: a body measures 1\.\d+ .*Are its joints in metres"):
        checked(frames)


def test_another_view_count_is_noticed(frames: list[dict[str, Any]]) -> None:
    with pytest.raises(BatchError, match=r"`images` has shape \(2, 3, 64, 64\); the model expects \(4, 3, 64, 64\)"):
        checked(frames, views=4)


def test_normalised_images_are_noticed(frames: list[dict[str, Any]]) -> None:
    with pytest.raises(BatchError, match="float32; expected uint8"):
        checked([{**frame, "images": frame["images"].float()} for frame in frames])


def test_frames_that_are_not_finite_are_named(frames: list[dict[str, Any]]) -> None:
    for key in ("joints_cm", "pixels"):
        spoiled = [dict(frame) for frame in frames]
        spoiled[1][key] = torch.full_like(frames[1][key], float("nan"))
        with pytest.raises(BatchError, match=f"frames dotted/clip/1: `{key}` is not finite"):
            checked(spoiled)
    with pytest.raises(BatchError, match="dotted/clip/1"):
        encode_targets(collate(spoiled), RIG, 16)


def test_frames_of_different_shapes_are_named(frames: list[dict[str, Any]]) -> None:
    frames[2]["images"] = frames[2]["images"][:1]
    with pytest.raises(BatchError, match="dotted/clip/0 to dotted/clip/2: `images`.*same views and image size"):
        collate(frames)


def test_frames_in_for_damaged_ones_are_not_measured(frames: list[dict[str, Any]]) -> None:
    flags = [False, True, False]
    batch = collate([{**frame, "substitute": torch.tensor(flag)} for frame, flag in zip(frames, flags, strict=True)])
    kept = without_substitutes(batch)
    assert kept is not None
    assert kept["meta"] == ["dotted/clip/0", "dotted/clip/2"]
    torch.testing.assert_close(kept["joints_cm"], batch["joints_cm"][[0, 2]])
    batch["substitute"][:] = True
    assert without_substitutes(batch) is None
    assert without_substitutes(collate(frames)) is not None
