"""The PyTorch runtime: arrays in, arrays out, on the device that was asked for."""

import numpy as np
import pytest
import torch

from egorear_ros.config import RuntimeConfig
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.heatmap import find_peaks
from egorear_ros.models.egoposeformer import EgoPoseFormer
from egorear_ros.models.egorear import EgoRear
from egorear_ros.models.size import ModelSize
from egorear_ros.runtimes.base import RuntimeSetupError
from egorear_ros.runtimes.pytorch import PyTorchRuntime, choose_device
from egorear_ros.structures import Rig

SIZE = ModelSize(image_size=64, backbone_channels=8, channels=16)
NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.cuda, NO_GPU])]


@pytest.fixture
def rig() -> Rig:
    return load_rig("ego4view_syn")


@pytest.fixture
def network(rig: Rig) -> EgoRear:
    torch.manual_seed(0)
    return EgoRear(SIZE, rig)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(1, 4, 3, 64, 64)).astype(np.float32)


@pytest.mark.parametrize("device", DEVICES)
def test_equals_the_network(network: EgoRear, images: np.ndarray, device: str) -> None:
    with torch.inference_mode():
        expected = network.eval()(torch.from_numpy(images))
    prediction = PyTorchRuntime(network, RuntimeConfig(device=device)).run(images)
    tolerance = {"rtol": 0.0, "atol": 1e-6 if device == "cpu" else 1e-2}
    np.testing.assert_allclose(prediction.joints_cm, expected.lift.joints_cm.numpy(), **tolerance)
    assert prediction.joints_cm.shape == (1, 16, 3)
    peaks = find_peaks(expected.refinement.refined_heatmaps)
    np.testing.assert_allclose(prediction.peak_scores, peaks.score.numpy(), **tolerance)
    if device == "cpu":
        np.testing.assert_array_equal(prediction.peaks_uv, peaks.uv.numpy())


def test_a_network_in_training_is_run_in_evaluation_mode(network: EgoRear, images: np.ndarray) -> None:
    with torch.inference_mode():
        expected = network.eval()(torch.from_numpy(images)).lift.joints_cm.numpy()
    found = PyTorchRuntime(network.train(), RuntimeConfig(device="cpu")).run(images).joints_cm
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-6)


def test_mask_and_extrinsics_reach_the_network(network: EgoRear, images: np.ndarray, rig: Rig) -> None:
    runtime = PyTorchRuntime(network, RuntimeConfig(device="cpu"))
    mask = np.array([[True, True, True, False]])
    blind = images.copy()
    blind[:, 3] = 7.0
    np.testing.assert_array_equal(
        runtime.run(images, view_mask=mask).joints_cm, runtime.run(blind, view_mask=mask).joints_cm
    )
    assert (runtime.run(images, view_mask=mask).peak_scores[0, 3] == 0.0).all()
    own = np.stack([np.linalg.inv(camera.T_device_camera) for camera in rig.cameras])[None]
    np.testing.assert_allclose(runtime.run(images, own).joints_cm, runtime.run(images).joints_cm, atol=1e-5)


def test_the_baseline_has_no_peaks(rig: Rig, images: np.ndarray) -> None:
    prediction = PyTorchRuntime(EgoPoseFormer(SIZE, rig), RuntimeConfig(device="cpu")).run(images)
    assert prediction.joints_cm.shape == (1, 16, 3)
    assert prediction.peak_scores is None
    assert prediction.peaks_uv is None


def test_inputs_that_are_not_finite_are_named(network: EgoRear, images: np.ndarray) -> None:
    runtime = PyTorchRuntime(network, RuntimeConfig(device="cpu"))
    extrinsics = np.tile(np.eye(4, dtype=np.float32), (1, 4, 1, 1))
    extrinsics[0, 2, 0, 3] = np.inf
    with pytest.raises(ValueError, match=r"T_camera_device \(1, 4, 4, 4\) holds NaN or infinity"):
        runtime.run(images, extrinsics)
    images[0, 1, 2, 3, 4] = np.nan
    with pytest.raises(ValueError, match=r"images \(1, 4, 3, 64, 64\) holds NaN or infinity"):
        runtime.run(images)


def test_threads(network: EgoRear) -> None:
    before = torch.get_num_threads()
    try:
        PyTorchRuntime(network, RuntimeConfig(device="cpu", threads=1))
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_auto_takes_a_gpu_if_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for there, device in ((True, "cuda"), (False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=there: there)
        assert choose_device("auto").type == device


def test_a_gpu_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RuntimeSetupError, match=r"runtime.device is cuda:1, but PyTorch .* finds no CUDA.*auto or cpu"):
        choose_device("cuda:1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(RuntimeSetupError, match=r"runtime.device is cuda:1, but there are 1 CUDA devices"):
        choose_device("cuda:1")


@pytest.mark.parametrize("name", ["gpu", "", "meta", "cuda:x"])
def test_other_devices_are_refused(name: str) -> None:
    with pytest.raises(RuntimeSetupError, match="expected auto, cpu, cuda or cuda:N"):
        choose_device(name)
