"""Refinement as a plug-in: without it a method is the plain one, with it every lifter is fed what was refined."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from egorear_ros.models.build import build_network
from egorear_ros.models.deformable_attention import DeformableAttention
from egorear_ros.models.egoposeformer import EgoPoseFormer, RefinedEgoPoseFormer
from egorear_ros.models.egorear import EgoRear
from egorear_ros.models.egotap.network import EgoTap
from egorear_ros.models.fast.grouped import group_refiners
from egorear_ros.models.fast.optimize import optimize
from egorear_ros.models.header import CheckpointHeader
from egorear_ros.models.plug_in import RefinedEstimator
from egorear_ros.models.size import ModelSize
from egorear_ros.structures import Rig

TOLERANCE_CM = 1e-4  # a thousandth of a millimetre
NETWORKS = ("egorear", "egoposeformer_refined", "egotap", "egotap_refined")


@pytest.fixture(params=NETWORKS)
def network(request: pytest.FixtureRequest, tiny: Callable[..., ModelSize], rig: Rig) -> RefinedEstimator:
    """Return a small network with every lifter, whose first heatmaps are high enough to be trusted."""
    torch.manual_seed(1)
    made = build_network(CheckpointHeader(request.param, tiny()), rig).eval()
    assert isinstance(made, RefinedEstimator)
    trust(made)
    return made


def trust(network: RefinedEstimator) -> None:
    for group in network.heatmap_estimator.groups:
        last = network.heatmap_estimator.get_submodule(f"conv_heatmap_layers_{group}.9")
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        nn.init.constant_(last.bias, 0.6)


def lively(name: str, size: ModelSize, rig: Rig) -> nn.Module:
    """Return a network whose every part matters: zeros and ones would hide mistakes."""
    torch.manual_seed(1)
    network = build_network(CheckpointHeader(name, size), rig).eval()
    with torch.no_grad():
        for part, value in network.named_parameters():
            value.add_(0.05 * torch.randn(value.shape))
            if part.endswith("mlp_pred.2.bias"):
                value.view(16, 3).copy_(torch.tensor([0.0, 20.0, 80.0]))  # where cameras see
            elif "reg_mlp" in part:
                value.mul_(5.0)
    if isinstance(network, RefinedEstimator):
        trust(network)
    return network


def test_without_refinement_egoposeformer_is_the_plain_one(
    tiny: Callable[..., ModelSize], rig: Rig, tiny_images: Tensor
) -> None:
    torch.manual_seed(0)
    plain = EgoPoseFormer(tiny(), rig).eval()
    wrapped = RefinedEgoPoseFormer(tiny(), rig, refine=False).eval()
    weights = plain.state_dict()
    encoder = {name: value for name, value in weights.items() if name.startswith("encoder.")}
    for group in ("front", "back"):  # the plain one shares its encoder
        wrapped.heatmap_estimator.get_submodule(f"heatmap_estimator_stereo_{group}").load_state_dict(
            encoder, strict=False
        )
    wrapped.pose3d_estimator.load_state_dict({name: value for name, value in weights.items() if name not in encoder})
    mask = torch.tensor([[True, True, False, True], [True] * 4])
    with torch.inference_mode():
        for view_mask in (None, mask):
            expected = plain(tiny_images, view_mask=view_mask).poses_cm
            found = wrapped(tiny_images, view_mask=view_mask).lift.poses_cm
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-4)  # two encoders, other batches
        full = RefinedEgoPoseFormer(tiny(), rig).eval()
        full.load_state_dict(wrapped.state_dict(), strict=False)
        trust(full)
        assert not torch.allclose(full(tiny_images).lift.poses_cm, plain(tiny_images).poses_cm, atol=1e-3)


def test_without_refinement_egotap_lifts_the_first_heatmaps(
    tiny: Callable[..., ModelSize], rig: Rig, tiny_images: Tensor
) -> None:
    torch.manual_seed(0)
    refined = EgoTap(tiny(), rig, refine=True).eval()
    plain = EgoTap(tiny(), rig).eval()
    shared = {name: value for name, value in refined.state_dict().items() if "heatmap_refiner" not in name}
    plain.load_state_dict(shared)
    with torch.inference_mode():
        views, lifter = refined.heatmap_estimator, refined.pose3d_estimator
        features = views.encode(tiny_images).features
        seen = views.refine(views.encode(tiny_images))
        by_hand = lifter(views.first_heatmaps(features), features).joints_cm
        torch.testing.assert_close(plain(tiny_images).lift.joints_cm, by_hand)
        assert seen.refined_heatmaps is not None
        with_refinement = lifter(seen.refined_heatmaps, seen.features).joints_cm
        torch.testing.assert_close(refined(tiny_images).lift.joints_cm, with_refinement)
        assert not torch.allclose(by_hand, with_refinement, atol=1e-4)


@pytest.mark.parametrize("missing", [(0,), (1, 2, 3)])
def test_masked_views_have_no_influence(
    network: RefinedEstimator, tiny_images: Tensor, missing: tuple[int, ...]
) -> None:
    mask = torch.ones(2, 4, dtype=torch.bool)
    mask[:, list(missing)] = False
    dirty = tiny_images.clone()
    dirty[:, list(missing)] = float("nan")
    with torch.inference_mode():
        clean = network(tiny_images, view_mask=mask).lift.joints_cm
        assert torch.equal(clean, network(dirty, view_mask=mask).lift.joints_cm)
        assert clean.isfinite().all()
        assert not torch.equal(clean, network(tiny_images).lift.joints_cm)


def test_every_view_matters_when_it_is_there(network: RefinedEstimator, tiny_images: Tensor) -> None:
    with torch.inference_mode():
        everything = network(tiny_images).lift.joints_cm
        for view in range(4):
            other = tiny_images.clone()
            other[:, view] = 1.0
            assert not torch.equal(everything, network(other).lift.joints_cm)


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("name", ["egoposeformer", "egoposeformer_refined", "egotap_refined", "egotap"])
def test_the_inference_form_says_the_same(
    name: str, grouped: bool, tiny: Callable[..., ModelSize], rig: Rig, tiny_images: Tensor
) -> None:
    network = lively(name, tiny(), rig)
    fast = optimize(network)
    fast = group_refiners(fast) if grouped else fast
    for module in fast.modules():
        if isinstance(module, DeformableAttention):
            module.register_forward_pre_hook(lambda *_: pytest.fail("a whole map is projected"))
    wish = {"refined_heatmaps": True} if name == "egoposeformer_refined" else {}  # it alone does without them
    mask = torch.tensor([[True, True, False, True], [False, True, True, True]])
    own = np.stack([np.linalg.inv(camera.T_device_camera) for camera in rig.cameras])
    moved = torch.tensor(own, dtype=torch.float32).repeat(2, 1, 1, 1)
    moved[..., :3, 3] += 0.03
    with torch.inference_mode():
        for T_camera_device in (None, moved):
            for view_mask in (None, mask):
                expected = network(tiny_images, T_camera_device, view_mask)
                found = fast(tiny_images, T_camera_device, view_mask, **wish)
                lifts = (expected, found) if name == "egoposeformer" else (expected.lift, found.lift)
                joints_cm = [lift.joints_cm for lift in lifts]
                torch.testing.assert_close(joints_cm[1], joints_cm[0], rtol=0, atol=TOLERANCE_CM)
        if name == "egoposeformer":
            return
        heatmaps, refined = expected.refinement.heatmaps, expected.refinement.refined_heatmaps
        torch.testing.assert_close(found.refinement.heatmaps, heatmaps, rtol=1e-4, atol=1e-4)
        assert (refined is None) == (name == "egotap")
        torch.testing.assert_close(found.refinement.refined_heatmaps, refined, rtol=1e-4, atol=1e-4)


def test_without_refinement_the_inference_form_has_no_refiners(
    tiny: Callable[..., ModelSize], rig: Rig, tiny_images: Tensor
) -> None:
    network = RefinedEgoPoseFormer(tiny(), rig, refine=False).eval()
    fast = group_refiners(optimize(network))
    with torch.inference_mode():
        expected, found = network(tiny_images).lift.joints_cm, fast(tiny_images).lift.joints_cm
    torch.testing.assert_close(found, expected, rtol=0, atol=TOLERANCE_CM)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("views", [2, 3])
def test_fewer_views(name: str, views: int, tiny: Callable[..., ModelSize], rig: Rig) -> None:
    network = build_network(CheckpointHeader(name, tiny(views)), rig.select(rig.views[:views])).eval()
    with torch.inference_mode():
        assert network(torch.randn(1, views, 3, 64, 64)).lift.joints_cm.shape == (1, 16, 3)


def test_a_rig_of_other_views_is_refused(tiny: Callable[..., ModelSize], rig: Rig) -> None:
    for build in (EgoTap, RefinedEgoPoseFormer, EgoRear):
        with pytest.raises(ValueError, match=r"the model has 2 views, rig ego4view_syn .* has 4: front_left"):
            build(tiny(2), rig)
