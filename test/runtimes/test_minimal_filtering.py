"""Which engines compute convolutions by minimal filtering, and several of them at once."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

from egorear_ros.config import RuntimeConfig
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.models.egorear import EgoRear
from egorear_ros.models.fast.minimal.convolution import MinimalConv2d
from egorear_ros.models.fast.minimal.registers import host_registers
from egorear_ros.models.fast.minimal.threads import openmp
from egorear_ros.models.fast.optimize import optimize
from egorear_ros.models.size import ModelSize
from egorear_ros.runtimes.pytorch import OptimizedPyTorchRuntime, PyTorchRuntime

pytestmark = pytest.mark.skipif(
    host_registers() is None or openmp() is None, reason="minimal filtering is not available on this machine"
)
SIZE = ModelSize(view_count=2, image_size=64, backbone_channels=64, channels=64)


@pytest.fixture(scope="module")
def network() -> EgoRear:
    torch.manual_seed(0)
    rig = load_rig("ego4view_syn")
    return EgoRear(SIZE, rig.select(rig.views[:2])).eval()


def layers(module: nn.Module) -> int:
    return sum(isinstance(layer, MinimalConv2d) for layer in module.modules())


@pytest.mark.parametrize(("precision", "used"), [("fp32", True), ("bf16", False)])
def test_only_in_single_precision(network: EgoRear, precision: str, used: bool) -> None:
    engine = OptimizedPyTorchRuntime(network, RuntimeConfig(name="pytorch", device="cpu", precision=precision))
    assert (layers(engine.network) > 0) == used


def test_what_is_exported_and_compiled_has_ordinary_convolutions(network: EgoRear) -> None:
    OptimizedPyTorchRuntime(network, RuntimeConfig(name="pytorch", device="cpu"))
    assert not layers(network)
    assert not layers(optimize(network))


def test_engines_at_once_say_the_same_as_one_after_the_other(network: EgoRear) -> None:
    config = RuntimeConfig(name="pytorch", device="cpu")
    plain, engines = PyTorchRuntime(network, config), [OptimizedPyTorchRuntime(network, config) for _ in range(2)]
    sets = np.random.default_rng(0).normal(size=(4, 1, 2, 3, 64, 64)).astype(np.float32)
    expected = [plain.run(images).joints_cm for images in sets]
    found: dict[int, list[np.ndarray]] = {}

    def work(index: int) -> None:
        # The first two share an engine.
        found[index] = [engines[index // 2].run(images).joints_cm for images in sets for _ in range(3)]

    workers = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(found) == [0, 1, 2, 3]
    for results in found.values():
        np.testing.assert_allclose(results, np.repeat(expected, 3, axis=0), atol=1e-3)
