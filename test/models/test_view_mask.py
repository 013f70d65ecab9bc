"""A masked view has no influence at all, whatever its image holds."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from egorear_ros.models.egoposeformer import EgoPoseFormer
from egorear_ros.models.egorear import EgoRear
from egorear_ros.models.size import ModelSize
from egorear_ros.structures import Rig


def _mask(*missing: int) -> Tensor:
    mask = torch.ones(2, 4, dtype=torch.bool)
    mask[:, list(missing)] = False
    return mask


def _corrupt(images: Tensor, missing: tuple[int, ...], value: float) -> Tensor:
    corrupted = images.clone()
    corrupted[:, list(missing)] = value
    return corrupted


@pytest.mark.parametrize("missing", [(0,), (3,), (0, 1), (2, 3), (1, 2, 3)])
@pytest.mark.parametrize("value", [100.0, float("nan")])
def test_content_of_a_masked_view_changes_nothing(
    tiny_egorear: EgoRear, tiny_images: Tensor, missing: tuple[int, ...], value: float
) -> None:
    with torch.inference_mode():
        clean = tiny_egorear(tiny_images, view_mask=_mask(*missing))
        dirty = tiny_egorear(_corrupt(tiny_images, missing, value), view_mask=_mask(*missing))
    assert torch.equal(clean.lift.poses_cm, dirty.lift.poses_cm)
    assert torch.equal(clean.refinement.refined_heatmaps, dirty.refinement.refined_heatmaps)
    assert clean.lift.poses_cm.isfinite().all()
    for values in (dirty.refinement.heatmaps, dirty.refinement.refined_heatmaps, dirty.refinement.features):
        assert (values[:, list(missing)] == 0.0).all()
    assert not dirty.refinement.peaks.valid[:, list(missing)].any()


def test_every_view_of_the_network_matters_when_it_is_there(tiny_egorear: EgoRear, tiny_images: Tensor) -> None:
    with torch.inference_mode():
        everything = tiny_egorear(tiny_images).lift.joints_cm
        for view in range(4):
            other = tiny_egorear(_corrupt(tiny_images, (view,), 1.0)).lift.joints_cm
            assert not torch.equal(everything, other)


def test_a_mask_that_masks_nothing_is_no_mask(tiny_egorear: EgoRear, tiny_images: Tensor) -> None:
    with torch.inference_mode():
        without, with_mask = tiny_egorear(tiny_images), tiny_egorear(tiny_images, view_mask=_mask())
    assert torch.equal(without.lift.poses_cm, with_mask.lift.poses_cm)
    assert torch.equal(without.refinement.refined_heatmaps, with_mask.refinement.refined_heatmaps)


def test_weights_that_listen_to_a_masked_view_may_be_anything(tiny_egorear: EgoRear, tiny_images: Tensor) -> None:
    view, mask = 2, _mask(2)
    listening = [  # their columns are the views, one after the other
        module
        for name, module in tiny_egorear.named_modules()
        if name.endswith(("fuse_mlp", "pose3d_estimator.mlp_pred.0.0"))
    ]
    assert len(listening) == 4 + 3 + 1
    with torch.inference_mode():
        before = tiny_egorear(tiny_images, view_mask=mask).lift.poses_cm
        for module in listening:
            module.weight.unflatten(1, (4, -1))[:, view] = 1000.0
        after = tiny_egorear(tiny_images, view_mask=mask).lift.poses_cm
        unmasked = tiny_egorear(tiny_images).lift.poses_cm
    assert torch.equal(before, after)
    assert not torch.equal(before, unmasked)


def test_samples_of_a_batch_may_miss_different_views(tiny_egorear: EgoRear, tiny_images: Tensor) -> None:
    mask = torch.tensor([[True, True, False, True], [False, True, True, True]])
    with torch.inference_mode():
        together = tiny_egorear(tiny_images, view_mask=mask).lift.joints_cm
        alone = [tiny_egorear(tiny_images[i : i + 1], view_mask=mask[i : i + 1]).lift.joints_cm for i in range(2)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-4)


def test_masked_views_stay_out_of_batch_statistics(tiny_egorear: EgoRear, tiny_images: Tensor) -> None:
    def statistics(images: Tensor) -> list[Tensor]:
        state = {name: value.clone() for name, value in tiny_egorear.state_dict().items()}
        tiny_egorear.train()(images, view_mask=_mask(1, 2, 3))
        after = [module.running_mean.clone() for module in tiny_egorear.modules() if isinstance(module, nn.BatchNorm2d)]
        tiny_egorear.load_state_dict(state)
        return after

    clean, dirty = statistics(tiny_images), statistics(_corrupt(tiny_images, (1, 2, 3), 100.0))
    assert all(torch.equal(a, b) for a, b in zip(clean, dirty, strict=True))


def test_baseline_ignores_masked_views_too(tiny: Callable[..., ModelSize], rig: Rig, tiny_images: Tensor) -> None:
    torch.manual_seed(0)
    network = EgoPoseFormer(tiny(), rig).eval()
    with torch.inference_mode():
        clean = network(tiny_images, view_mask=_mask(1)).poses_cm
        dirty = network(_corrupt(tiny_images, (1,), float("nan")), view_mask=_mask(1)).poses_cm
        everything = network(tiny_images).poses_cm
    assert torch.equal(clean, dirty)
    assert not torch.equal(clean, everything)
