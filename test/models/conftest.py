"""Weights that anybody can make: every number is a hash of its tensor's name and its place in it."""

import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.models.egorear import EgoRear, EgoRearOutput
from egorear_ros.models.fast.optimize import optimize
from egorear_ros.models.size import ModelSize
from egorear_ros.structures import Rig

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
VIEWS = ("front_left", "front_right", "back_left", "back_right")
CONFIGS = (
    "ego4view_syn_pose3d",
    "ego4view_rw_pose3d",
    "ego4view_syn_pose3d_stereo_front",
    "ego4view_rw_pose3d_stereo_front",
)
CHUNK = 1 << 20


def hashed(key: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return numbers in [0, 1) that depend on a name and a place alone."""
    count = int(np.prod(shape))
    out = np.empty(count)
    start = np.uint64(zlib.crc32(key.encode()) << 32)
    for first in range(0, count, CHUNK):
        last = min(first + CHUNK, count)
        z = start + np.arange(first, last, dtype=np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        out[first:last] = ((z ^ (z >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53
    return out.reshape(shape)


def _proposal_bias(u: NDArray[np.float64], r: NDArray[np.float64]) -> NDArray[np.float64]:
    t = np.linspace(0.0, 1.0, 16)
    return np.stack((-20 + 40 * t, 5 + 55 * t, 20 + 120 * t), axis=-1).ravel()


RULES: tuple[tuple[str, Callable[..., NDArray[np.float64]]], ...] = (
    (r"running_var$", lambda u, r: 0.5 + u),
    (r"running_mean$", lambda u, r: 0.1 * r),
    (r"mlp_pred\.2\.bias$", _proposal_bias),
    (r"mlp_pred\.2\.weight$", lambda u, r: 0.02 * r),
    (r"reg_mlp\.\d\.2\.(weight|bias)$", lambda u, r: 0.05 * r),
    (r"sampling_offsets\.bias$", lambda u, r: 4.0 * r),
    (r"sampling_offsets\.weight$", lambda u, r: 0.02 * r),
    (r"conv_heatmap_layers_stereo_\w+\.9\.weight$", lambda u, r: 0.05 * r),
    (r"conv_heatmap_layers_stereo_\w+\.9\.bias$", lambda u, r: 0.3 + 0.4 * u),
    (r"pos_embed$", lambda u, r: 0.1 * r),
    (r"joint_query_embed\.weight$", lambda u, r: r),
)


def golden_tensor(key: str, shape: tuple[int, ...]) -> Tensor:
    """Return the value that the reference gave a tensor; first matching rule."""
    u = hashed(key, shape)
    r = 2.0 * u - 1.0
    rule = next((value for pattern, value in RULES if re.search(pattern, key)), None)
    if rule is not None:
        values = rule(u, r)
    elif len(shape) == 1:
        values = 1.0 + 0.1 * r if key.endswith("weight") else 0.05 * r
    else:
        values = r * np.sqrt(6.0 / np.prod(shape[1:]))
    return torch.from_numpy(values.astype(np.float32))


def fill_golden(network: nn.Module) -> None:
    """Give a network the reference's weights."""
    state = network.state_dict()
    network.load_state_dict(
        {key: golden_tensor(key, tuple(old.shape)) if old.is_floating_point() else old for key, old in state.items()}
    )


def golden_images(view_count: int) -> Tensor:
    """Return the (2, V, 3, 256, 256) images that the reference was run on."""
    return torch.from_numpy((2.0 * (2.0 * hashed("img", (2, view_count, 3, 256, 256)) - 1.0)).astype(np.float32))


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Keep small networks from waiting for each other's threads on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def golden_models(rig: Rig) -> Callable[[int], EgoRear]:
    """Return the model of 2 or 4 views with the reference's weights and correct geometry."""
    made: dict[int, EgoRear] = {}

    def model(view_count: int) -> EgoRear:
        if view_count not in made:
            network = EgoRear(ModelSize(view_count=view_count), rig.select(VIEWS[:view_count])).eval()
            fill_golden(network)
            made[view_count] = network
        return made[view_count]

    return model


class GoldenRun:
    """One configuration: what the reference says, and what we say."""

    def __init__(self, name: str, network: EgoRear) -> None:
        """Run the network as the reference was run."""
        self.reference = dict(np.load(GOLDEN / f"golden_{name}.npz"))
        self.view_count = network.size.view_count
        extrinsics = torch.from_numpy(self.reference["ctm"]) if "ctm" in self.reference else None
        images = golden_images(self.view_count)
        self.inputs = images, extrinsics
        self._network, self._legacy = network, "syn" in name
        with self._geometry(), torch.inference_mode():
            self.output: EgoRearOutput = network(images, extrinsics)
            encoder = network.heatmap_estimator.get_submodule("heatmap_estimator_stereo_front").encoder
            front = images[:, :2].flatten(0, 1)
            self.levels = [level.unflatten(0, (2, 2)) for level in encoder.backbone(front)]
            self.features = network.heatmap_estimator.encode(images).features

    def optimized(self) -> nn.Module:
        """Return the inference form of the network, with the geometry of this configuration."""
        with self._geometry():
            return optimize(self._network)

    @contextmanager
    def _geometry(self) -> Iterator[None]:
        project = self._network.pose3d_estimator.project
        project.legacy_syn_geometry = self._legacy
        try:
            yield
        finally:
            project.legacy_syn_geometry = False


@pytest.fixture(scope="session", params=CONFIGS)
def golden_run(request: pytest.FixtureRequest, golden_models: Callable[[int], EgoRear]) -> GoldenRun:
    """Run one of the published configurations."""
    return GoldenRun(request.param, golden_models(2 if "stereo" in request.param else 4))


@pytest.fixture(scope="session")
def rig() -> Rig:
    """Return the rig of Ego4View-Syn: four views."""
    return load_rig("ego4view_syn")


@pytest.fixture
def tiny() -> Callable[..., ModelSize]:
    """Return sizes of a network that runs in milliseconds."""

    def size(view_count: int = 4) -> ModelSize:
        return ModelSize(view_count=view_count, image_size=64, backbone_channels=8, channels=16)

    return size


@pytest.fixture
def tiny_egorear(tiny: Callable[..., ModelSize], rig: Rig) -> EgoRear:
    """Return a small four-view network whose heatmaps are high enough to be trusted."""
    torch.manual_seed(1)
    network = EgoRear(tiny(), rig).eval()
    with torch.no_grad():
        for group in ("front", "back"):
            network.heatmap_estimator.get_submodule(f"conv_heatmap_layers_stereo_{group}.9").bias.fill_(0.6)
        bias = torch.from_numpy(_proposal_bias(np.empty(0), np.empty(0)))
        network.pose3d_estimator.get_submodule("mlp_pred.2").bias.copy_(bias)
    return network


@pytest.fixture
def tiny_images() -> Tensor:
    """Return (2, 4, 3, 64, 64) random images."""
    return torch.randn(2, 4, 3, 64, 64, generator=torch.Generator().manual_seed(2))
