"""A network that looks through virtual cameras runs everywhere and says the same."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_networks as tiny
import torch

from egorear_ros.geometry.transforms import invert_transform
from egorear_ros.models.fast.optimize import optimize
from egorear_ros.models.small.flip_test import FlipTestedEgoRearSmall
from egorear_ros.models.small.network import SMALL, EgoRearSmall
from egorear_ros.runtimes.factory import own_extrinsics
from egorear_ros.runtimes.identity import ModelIdentity, identify

SIZE = dict(tiny.TINY)


@pytest.fixture(scope="module", params=[EgoRearSmall, FlipTestedEgoRearSmall])
def network(request: pytest.FixtureRequest) -> EgoRearSmall:
    torch.manual_seed(0)
    made: EgoRearSmall = request.param(replace(SMALL, **SIZE), tiny.RIG, virtual_cameras=True).eval()
    with torch.no_grad():
        for value in made.parameters():
            value.add_(0.05 * torch.randn(value.shape))
    return made


def identity_of(network: EgoRearSmall) -> ModelIdentity:
    return identify(network, tiny.RIG, network.input_size, "test")


def images(batch: int) -> torch.Tensor:
    return torch.randn(batch, 4, 3, 128, 128, generator=torch.Generator().manual_seed(1))


def test_the_extrinsics_that_engines_are_given_are_those_of_the_real_cameras(network: EgoRearSmall) -> None:
    real = np.stack([invert_transform(camera.T_device_camera) for camera in tiny.RIG.cameras])
    np.testing.assert_allclose(own_extrinsics(network), real, atol=1e-6)
    with torch.no_grad():
        given = network(images(2), torch.from_numpy(own_extrinsics(network)).expand(2, -1, -1, -1))
        own = network(images(2))
    torch.testing.assert_close(given.lift.joints_cm, own.lift.joints_cm, atol=1e-3, rtol=0)


@torch.no_grad()
def test_the_inference_form_says_the_same(network: EgoRearSmall) -> None:
    mask = torch.tensor([[True, True, False, True], [True, True, True, True]])
    expected, found = network(images(2), None, mask), optimize(network)(images(2), None, mask)
    torch.testing.assert_close(found.lift.joints_cm, expected.lift.joints_cm, atol=1e-3, rtol=0)


@pytest.mark.parametrize("extrinsics", [True, False])
def test_files_say_the_same(network: EgoRearSmall, extrinsics: bool, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    from egorear_ros.runtimes.onnx_export import export_onnx
    from egorear_ros.runtimes.onnx_verify import WORST_MM, verify_onnx

    path = tmp_path / "virtual.onnx"
    export_onnx(network, identity_of(network), path, extrinsics=extrinsics)
    assert 0.0 < verify_onnx(path, network, identity_of(network), "fp32").worst_mm < WORST_MM


def test_the_same_weights_without_them_are_another_model(network: EgoRearSmall) -> None:
    assert network.virtual is not None
    plain = EgoRearSmall(network.size, tiny.RIG).eval()
    plain.load_state_dict(network.state_dict())
    assert identify(plain, tiny.RIG, 128, "test").digest != identity_of(network).digest
