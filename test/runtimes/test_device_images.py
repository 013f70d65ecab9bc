"""Engines take images from a device, and say so when those are lost."""

from collections.abc import Callable

import numpy as np
import pytest
import tiny_networks as tiny
import torch

from egorear_ros.config import RuntimeConfig
from egorear_ros.runtimes.arrays import make_feed
from egorear_ros.runtimes.device_images import DeviceImages, LostImagesError
from egorear_ros.runtimes.factory import make_runtime
from egorear_ros.runtimes.fallback import FallbackRuntime


@pytest.mark.parametrize("name", ["pytorch", "pytorch_plain"])
def test_pytorch_takes_them(name: str) -> None:
    network, images = tiny.tiny_network("egoposeformer"), tiny.tiny_images(2)
    config = RuntimeConfig(name=name, device="cpu", threads=1, fallback=False)
    engine = make_runtime(network, config, tiny.tiny_identity(network))
    assert engine.image_device is None
    expected, found = engine.run(images), engine.run(DeviceImages(torch.from_numpy(images)))
    np.testing.assert_array_equal(found.joints_cm, expected.joints_cm)


def test_engines_of_files_get_them_as_arrays() -> None:
    identity, images = tiny.tiny_identity(tiny.tiny_network()), tiny.tiny_images(2)
    feed = make_feed(
        identity, np.zeros((4, 4, 4), dtype=np.float32), DeviceImages(torch.from_numpy(images)), None, None
    )
    np.testing.assert_array_equal(feed["images"], images)
    assert isinstance(feed["images"], np.ndarray)


class LostTensor:
    """Images on a GPU that is gone."""

    device = torch.device("cuda", 0)

    def to(self, _: torch.device) -> torch.Tensor:
        raise RuntimeError("CUDA error: device lost\nCompile with ...")


def test_lost_images_are_nobody_else_s_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    network = tiny.tiny_network()
    engine = make_runtime(network, RuntimeConfig(device="cpu", threads=1, fallback=False), tiny.tiny_identity(network))
    left: list[tuple[str, Callable]] = [("other", lambda: engine)]
    runtime = FallbackRuntime(engine, left)
    lost = DeviceImages(LostTensor())  # type: ignore[arg-type]
    with pytest.raises(LostImagesError, match="on cuda:0 are lost: CUDA error: device lost. If it happens again"):
        runtime.run(lost)
    assert (runtime.notice, runtime.image_device) == ("", None), "the engine goes on with the next set"
    assert np.isfinite(runtime.run(tiny.tiny_images(1)).joints_cm).all()


@pytest.mark.cuda
def test_the_model_waits_for_images_that_are_still_being_made() -> None:
    network, images = tiny.tiny_network("egorear"), tiny.tiny_images(1)
    engine = make_runtime(network, RuntimeConfig(device="cuda", fallback=False), tiny.tiny_identity(network))
    assert engine.image_device is not None
    expected = engine.run(images).joints_cm
    stream, target = torch.cuda.Stream(), torch.zeros(images.shape, device="cuda")
    torch.cuda.synchronize()
    with torch.cuda.stream(stream):
        source = torch.from_numpy(images).cuda()
        torch.cuda._sleep(50_000_000)  # tens of milliseconds
        target.copy_(source)
        ready = stream.record_event()
    np.testing.assert_allclose(engine.run(DeviceImages(target, ready)).joints_cm, expected, atol=1e-4)
