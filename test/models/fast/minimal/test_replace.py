"""Inference forms with minimal filtering are the same function."""

import threading
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from egorear_ros.benchmarks.scaling import rig_of
from egorear_ros.models.build import load_network
from egorear_ros.models.checkpoint import load_checkpoint
from egorear_ros.models.egorear import EgoRear
from egorear_ros.models.fast.grouped import group_refiners
from egorear_ros.models.fast.minimal import jit
from egorear_ros.models.fast.minimal.convolution import MinimalConv2d
from egorear_ros.models.fast.minimal.linear import StreamedLinear
from egorear_ros.models.fast.minimal.registers import Registers, host_registers
from egorear_ros.models.fast.minimal.replace import fits, use_minimal_filtering
from egorear_ros.models.fast.minimal.threads import openmp
from egorear_ros.models.fast.optimize import optimize
from egorear_ros.models.size import ModelSize
from egorear_ros.models.small.network import SMALL, EgoRearSmall
from egorear_ros.structures import Rig

pytestmark = pytest.mark.skipif(
    host_registers() is None or openmp() is None, reason="minimal filtering is not available on this machine"
)
TOLERANCE_CM = 1e-4  # a thousandth of a millimetre
REGISTERS = Registers(lanes=16, rows=6, vectors=4)


def test_golden_joints_move_by_less_than_a_micrometre(golden_run: Any) -> None:
    fast = group_refiners(golden_run.optimized(), maps=False)
    assert use_minimal_filtering(fast)
    left = [layer for layer in fast.modules() if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3)]
    assert not left, "every 3x3 convolution of the published sizes fits"
    assert any(isinstance(layer, StreamedLinear) for layer in fast.modules()), "and so does the proposal's first matrix"
    with torch.inference_mode():
        joints_cm = fast(*golden_run.inputs).lift.joints_cm
    assert (joints_cm - golden_run.output.lift.joints_cm).abs().max() < TOLERANCE_CM


@pytest.mark.parametrize("views", [2, 3, 4, 6])
def test_views_batches_and_masks(views: int, rig: Rig) -> None:
    torch.manual_seed(views)
    size = ModelSize(view_count=views, image_size=64, backbone_channels=64, channels=64)
    network = EgoRear(size, rig_of(rig, views)).eval()
    images, mask = torch.randn(3, views, 3, 64, 64), torch.ones(3, views, dtype=torch.bool)
    mask[1, 0] = mask[2, 1] = False
    fast = optimize(network)
    use_minimal_filtering(fast)
    assert any(isinstance(layer, MinimalConv2d) for layer in fast.modules())
    with torch.no_grad():
        for view_mask in (None, mask, torch.zeros_like(mask)):
            expected = network(images, None, view_mask)
            found = fast(images, None, view_mask, refined_heatmaps=True)
            torch.testing.assert_close(found.lift.joints_cm, expected.lift.joints_cm, atol=1e-3, rtol=1e-5)
            torch.testing.assert_close(
                found.refinement.refined_heatmaps, expected.refinement.refined_heatmaps, atol=1e-4, rtol=1e-4
            )


def test_the_small_network(rig: Rig) -> None:
    network = EgoRearSmall(replace(SMALL, image_size=64), rig).eval()
    images, fast = torch.randn(2, 4, 3, 64, 64), optimize(network)
    use_minimal_filtering(fast)
    assert any(isinstance(layer, MinimalConv2d) for layer in fast.modules())
    with torch.no_grad():
        expected, found = network(images), fast(images)
    torch.testing.assert_close(found.lift.joints_cm, expected.lift.joints_cm, atol=1e-3, rtol=1e-4)


def test_the_shipped_weights(rig: Rig) -> None:
    checkpoint = load_checkpoint("egorear-small")
    network = load_network(checkpoint, rig).eval()
    torch.manual_seed(0)
    # Soft blobs, noise alone would show no joint.
    side = checkpoint.header.input_size
    images = F.interpolate(torch.randn(8, 3, 16, 16), (side, side), mode="bicubic").unflatten(0, (2, 4))
    fast = optimize(network)
    assert use_minimal_filtering(fast)
    with torch.no_grad():
        expected, found = network(images), fast(images)
    # Blobs show nobody: where the network is unsure, the last digit of a product moves a wrist by micrometres.
    assert (found.lift.joints_cm - expected.lift.joints_cm).norm(dim=-1).max() < 5 * TOLERANCE_CM


def test_relus_are_swallowed_only_where_they_follow() -> None:
    conv = [nn.Conv2d(16, 64, 3, padding=1), nn.Conv2d(64, 64, 3, padding=1)]
    layers = nn.ModuleDict(
        {"layers": nn.Sequential(conv[0], nn.ReLU(), nn.MaxPool2d(2), nn.Sequential(conv[1]), nn.ReLU())}
    )
    x = torch.randn(1, 16, 8, 8)
    with torch.no_grad():
        expected = layers["layers"](x)
        use_minimal_filtering(layers)
        found = layers["layers"](x)
    assert [type(layer).__name__ for layer in layers["layers"]] == ["MinimalConv2d", "MaxPool2d", "Sequential", "ReLU"]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(64, 64, 1),
        nn.Conv2d(64, 64, 3),
        nn.Conv2d(64, 64, 3, padding=2, dilation=2),
        nn.Conv2d(64, 64, 3, padding=1, groups=2),
        nn.Conv2d(64, 64, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(64, 64, 3, padding=1, stride=3),
        nn.Conv2d(64, 64, 3, padding=1, stride=(1, 2)),
        nn.Conv2d(65, 64, 3, padding=1),
        nn.Conv2d(64, 65, 3, padding=1),
        nn.ReLU(),
    ],
    ids=repr,
)
def test_other_layers_stay(layer: nn.Module) -> None:
    assert not fits(layer, REGISTERS)
    assert fits(nn.Conv2d(64, 64, 3, padding=1), REGISTERS)


def test_a_machine_without_it_keeps_its_convolutions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("egorear_ros.models.fast.minimal.replace.host_registers", lambda: None)
    layers = nn.Sequential(nn.Sequential(nn.Conv2d(64, 64, 3, padding=1)))
    assert not use_minimal_filtering(layers)
    assert isinstance(layers[0][0], nn.Conv2d)


def test_a_machine_on_which_nothing_can_be_compiled(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> int:
        raise RuntimeError("no executable memory")

    monkeypatch.setattr("egorear_ros.models.fast.minimal.replace.vector_product_program", refuse)
    fast = optimize(EgoRearSmall(replace(SMALL, image_size=64), rig).eval())
    before = [type(module) for module in fast.modules()]
    assert not use_minimal_filtering(fast)
    assert [type(module) for module in fast.modules()] == before
    assert "no executable memory" in caplog.text


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_goes_wrong_ahead_is_left_to_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = threading.Event()

    def refuse(*_: object) -> int:
        asked.set()
        raise RuntimeError("no executable memory")

    monkeypatch.setattr(jit, "vector_product_program", refuse)
    jit.compile_ahead()
    assert asked.wait(10.0)
    for thread in threading.enumerate():
        if thread.name == "compile":
            thread.join(10.0)
