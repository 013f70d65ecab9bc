"""The compiled runtime: the same joints; what it needs is named."""

from pathlib import Path

import numpy as np
import pytest
import tiny_networks as tiny
import torch

from egorear_ros.config import RuntimeConfig
from egorear_ros.runtimes.base import RuntimeSetupError
from egorear_ros.runtimes.factory import make_runtime
from egorear_ros.runtimes.pytorch_compiled import check_compiler


def test_a_compiler_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(RuntimeSetupError, match=r"there is no no-such-compiler. Install g\+\+"):
        check_compiler(torch.device("cpu"))
    check_compiler(torch.device("cuda"))  # Triton brings its own


def test_what_does_not_compile_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> object:
        raise RuntimeError("backend is broken\nstack")

    monkeypatch.setattr(torch, "compile", lambda *_, **__: refuse)
    network = tiny.tiny_network()
    with pytest.raises(RuntimeSetupError, match="pytorch_compiled does not work here: backend is broken Set runtime"):
        make_runtime(network, RuntimeConfig(name="pytorch_compiled", device="cpu"), tiny.tiny_identity(network))


@pytest.mark.slow
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
@pytest.mark.parametrize("name", tiny.BUILDERS)
def test_joints_are_those_of_the_trained_module(
    name: str, device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    network = tiny.tiny_network(name)
    identity, images = tiny.tiny_identity(network), tiny.tiny_images(2)
    mask = np.ones((1, 4), dtype=bool)
    mask[0, 2] = False
    compiled = make_runtime(network, RuntimeConfig(name="pytorch_compiled", device=device), identity)
    plain = make_runtime(network, RuntimeConfig(name="pytorch_plain", device="cpu", fallback=False), identity)
    for batch, views in ((images[:1], None), (images[1:], None), (images[:1], mask)):
        expected, found = plain.run(batch, view_mask=views), compiled.run(batch, view_mask=views)
        np.testing.assert_allclose(found.joints_cm, expected.joints_cm, rtol=0, atol=1e-3 if device == "cpu" else 0.1)
