"""The whole network: any number of views, batches, what it computes and what it refuses."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from egorear_ros.models.build import build_untrained
from egorear_ros.models.egorear import EgoRear
from egorear_ros.models.refinement import RefinementNetwork
from egorear_ros.models.size import ModelSize
from egorear_ros.models.views import refiner_names, view_groups
from egorear_ros.structures import Camera, Rig


def _rig_of(rig: Rig, view_count: int) -> Rig:
    cameras = [rig.cameras[index % 4] for index in range(view_count)]
    return Rig("any", tuple(replace(camera, view=f"camera_{index}") for index, camera in enumerate(cameras)))


@pytest.mark.parametrize("view_count", [2, 3, 4, 6])
def test_any_number_of_views(tiny: Callable[..., ModelSize], rig: Rig, view_count: int) -> None:
    network = EgoRear(tiny(view_count), _rig_of(rig, view_count)).eval()
    with torch.inference_mode():
        output = network(torch.randn(2, view_count, 3, 64, 64))
    assert output.lift.poses_cm.shape == (4, 2, 16, 3)
    assert output.lift.anchors.uv.shape == (2, view_count, 16, 2)
    assert output.refinement.heatmaps.shape == (2, view_count, 15, 16, 16)
    assert output.refinement.refined_heatmaps.shape == (2, view_count, 15, 16, 16)
    assert output.lift.poses_cm.isfinite().all()


def test_three_views_have_one_rear_refiner_and_one_rear_image() -> None:
    assert refiner_names(3) == ("front_left", "front_right", "back")
    assert view_groups(3) == {"stereo_front": slice(0, 2), "stereo_back": slice(2, 3)}
    assert view_groups(2) == {"stereo_front": slice(0, 2)}


def test_samples_of_a_batch_do_not_meet(tiny_egorear: EgoRear, tiny_images: Tensor) -> None:
    with torch.inference_mode():
        together = tiny_egorear(tiny_images).lift.poses_cm
        alone = torch.cat([tiny_egorear(image[None]).lift.poses_cm for image in tiny_images], dim=1)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_refined_heatmaps_are_optional_and_do_not_change_the_pose(tiny_egorear: EgoRear, tiny_images: Tensor) -> None:
    with torch.inference_mode():
        full, lean = tiny_egorear(tiny_images), tiny_egorear(tiny_images, refined_heatmaps=False)
    assert lean.refinement.refined_heatmaps is None
    assert torch.equal(full.lift.poses_cm, lean.lift.poses_cm)


def test_stage_2_alone_equals_stage_2_within_the_pose_network(tiny_egorear: EgoRear, tiny_images: Tensor) -> None:
    stage_2 = RefinementNetwork(tiny_egorear.size).eval()
    stage_2.load_state_dict(tiny_egorear.heatmap_estimator.state_dict())
    with torch.inference_mode():
        alone, within = stage_2(tiny_images), tiny_egorear(tiny_images).refinement
    assert torch.equal(alone.refined_heatmaps, within.refined_heatmaps)
    assert torch.equal(alone.features, within.features)


def test_legacy_geometry_leaves_the_proposal_alone(tiny_egorear: EgoRear, tiny_images: Tensor, rig: Rig) -> None:
    legacy = EgoRear(tiny_egorear.size, rig, legacy_syn_geometry=True).eval()
    legacy.load_state_dict(tiny_egorear.state_dict())
    with torch.inference_mode():
        ours, theirs = tiny_egorear(tiny_images).lift.poses_cm, legacy(tiny_images).lift.poses_cm
    assert torch.equal(ours[0], theirs[0])
    shift = (theirs[1:] - ours[1:]).mean(dim=(0, 1, 2))
    assert shift[0] == pytest.approx(12.0, abs=1.0)


def test_legacy_free_run_equals_extrinsics_given_per_sample(
    tiny_egorear: EgoRear, tiny_images: Tensor, rig: Rig
) -> None:
    given = torch.from_numpy(np.stack([np.linalg.inv(camera.T_device_camera) for camera in rig.cameras]))
    with torch.inference_mode():
        own = tiny_egorear(tiny_images).lift.poses_cm
        passed = tiny_egorear(tiny_images, given.expand(2, -1, -1, -1)).lift.poses_cm
    torch.testing.assert_close(own, passed, rtol=0.0, atol=1e-4)


def test_moving_the_rig_changes_what_is_looked_at(tiny_egorear: EgoRear, tiny_images: Tensor, rig: Rig) -> None:
    moved = Rig("moved", tuple(Camera(c.view, c.lens, c.T_device_camera + 0.3 * np.eye(4, k=3)) for c in rig.cameras))
    other = EgoRear(tiny_egorear.size, moved).eval()
    other.load_state_dict(tiny_egorear.state_dict())
    with torch.inference_mode():
        assert not torch.equal(tiny_egorear(tiny_images).lift.joints_cm, other(tiny_images).lift.joints_cm)


@pytest.mark.parametrize(
    ("images", "extrinsics", "mask", "named"),
    [
        ((2, 3, 3, 64, 64), None, None, "images"),
        ((2, 4, 3, 64, 32), None, None, "images"),
        ((2, 4, 1, 64, 64), None, None, "images"),
        ((2, 4, 3, 64, 64), (4, 4, 4), None, "T_camera_device"),
        ((2, 4, 3, 64, 64), None, (2, 3), "view_mask"),
    ],
)
def test_wrong_shapes_are_named(
    tiny_egorear: EgoRear,
    images: tuple[int, ...],
    extrinsics: tuple[int, ...] | None,
    mask: tuple[int, ...] | None,
    named: str,
) -> None:
    with pytest.raises(ValueError, match=rf"{named} has shape .*; this model expects"):
        tiny_egorear(
            torch.zeros(images),
            None if extrinsics is None else torch.zeros(extrinsics),
            None if mask is None else torch.ones(mask, dtype=torch.bool),
        )


def test_a_rig_of_other_views_is_refused(tiny: Callable[..., ModelSize], rig: Rig) -> None:
    with pytest.raises(ValueError, match=r"the model has 2 views, rig ego4view_syn .* has 4: front_left"):
        EgoRear(tiny(2), rig)


def test_untrained_weights_depend_on_the_seed_alone(rig: Rig) -> None:
    pair = rig.select(("front_left", "front_right"))
    torch.manual_seed(5)
    first = build_untrained("egoposeformer", pair)
    untouched = torch.rand(1)
    torch.manual_seed(6)
    second, other = build_untrained("egoposeformer", pair), build_untrained("egoposeformer", pair, seed=1)
    torch.manual_seed(5)
    assert torch.equal(untouched, torch.rand(1)), "the caller's random numbers must not be disturbed"
    weights = [network.state_dict()["query_gen_mlp.0.weight"] for network in (first, second, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"view_count": 1}, "view_count is 1; .* two front views"),
        ({"image_size": 100}, "image_size is 100 px; .* multiple of 32"),
        ({"channels": 30}, "channels is 30; .* multiple of the 4 attention heads"),
    ],
)
def test_impossible_sizes_are_refused(changes: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModelSize(**changes)


def test_sizes_survive_their_dictionary() -> None:
    size = ModelSize(view_count=3, image_size=128)
    assert ModelSize.from_dict(size.to_dict()) == size
    for wrong in ({"views": 4}, {"view_count": 4.0}, {"view_count": True}):
        with pytest.raises(ValueError, match="expected whole numbers for: view_count"):
            ModelSize.from_dict(wrong)
