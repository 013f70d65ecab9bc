"""EgoTAP's lifter: its size, where its outputs go, and what its parts learn from."""

from collections.abc import Callable

import pytest
import torch

from egorear_ros.models.egotap.lifter import EgoTapLifter, limbs
from egorear_ros.models.size import ModelSize
from egorear_ros.skeleton import EGO4VIEW


def test_limbs_are_the_bones_between_joints_that_are_seen() -> None:
    pairs = limbs(EGO4VIEW)
    assert len(pairs) == 14
    assert (EGO4VIEW.index("left_elbow"), EGO4VIEW.index("left_wrist")) in pairs
    assert all(parent != EGO4VIEW.index("head") for parent, _ in pairs)


def test_published_size() -> None:
    """The lifter for two views has about 95.9 M parameters, without the head that sees limbs."""
    with torch.device("meta"):
        lifter = EgoTapLifter(ModelSize(view_count=2))
    count = sum(parameter.numel() for name, parameter in lifter.named_parameters() if "limb_head" not in name)
    assert count == pytest.approx(95.9e6, rel=0.01)
    assert lifter.grid.position.shape == (36 * 16, 1024)
    assert lifter.joint_encoder[0].in_features == 16384
    assert lifter.limb_encoder[0].in_features == 8192
    assert lifter.propagation.hidden == 512


def test_outputs_are_at_their_joints(tiny: Callable[..., ModelSize]) -> None:
    lifter = EgoTapLifter(tiny(2)).eval()
    with torch.no_grad():
        for index, layer in enumerate(lifter.joint_outputs):
            layer.weight.zero_()
            layer.bias.fill_(float(EGO4VIEW.heatmap_joints[index]))
        lifter.body_output.weight.zero_()
        lifter.body_output.bias.copy_(torch.tensor([100.0, 200.0, 300.0, 7.0, 8.0, 9.0]))
        lift = lifter(torch.rand(1, 2, 15, 16, 16), torch.rand(1, 2, 16, 16, 16))
    pose = lift.joints_cm[0]
    assert pose[EGO4VIEW.index("head")].tolist() == [7.0, 8.0, 9.0]
    for joint in EGO4VIEW.heatmap_joints:
        assert pose[joint].tolist() == [100.0 + joint, 200.0 + joint, 300.0 + joint]


def test_poses_do_not_train_limb_maps_nor_limb_maps_the_rest(tiny: Callable[..., ModelSize]) -> None:
    torch.manual_seed(0)
    lifter = EgoTapLifter(tiny(2)).train()
    inputs = torch.rand(2, 2, 15, 16, 16), torch.rand(2, 2, 16, 16, 16)
    lifter(*inputs).joints_cm.square().sum().backward()
    by_pose = {name for name, parameter in lifter.named_parameters() if parameter.grad is not None}
    assert by_pose == {name for name, _ in lifter.named_parameters() if not name.startswith("limb_head.")}
    lifter.zero_grad()
    lifter(*inputs).limb_maps.square().sum().backward()
    by_limbs = {name for name, parameter in lifter.named_parameters() if parameter.grad is not None}
    assert by_limbs == {name for name, _ in lifter.named_parameters() if name.startswith("limb_head.")}


def test_limb_maps_matter(tiny: Callable[..., ModelSize]) -> None:
    torch.manual_seed(0)
    lifter = EgoTapLifter(tiny(4)).eval()
    heatmaps, features = torch.rand(1, 4, 15, 16, 16), torch.rand(1, 4, 16, 16, 16)
    with torch.no_grad():
        assert not torch.equal(lifter(heatmaps, features).joints_cm, lifter(heatmaps, 2.0 * features).joints_cm)
