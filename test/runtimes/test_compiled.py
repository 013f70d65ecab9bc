"""The compiled runtime: the same joints; what it needs is named."""

import os
from contextlib import nullcontext
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


def test_one_graph_for_each_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    from egorear_ros.runtimes import cuda_graph

    recorded = []

    class Recording:
        def __init__(self, call: object, arguments: tuple[torch.Tensor | None, ...], wish: dict[str, bool]) -> None:
            recorded.append((len(arguments[0]), wish))

        def __call__(self, arguments: tuple[torch.Tensor | None, ...]) -> float:
            return float(arguments[0].sum())

    monkeypatch.setattr(cuda_graph, "_Recording", Recording)
    monkeypatch.setattr(torch.cuda, "device", lambda _: nullcontext())
    run = cuda_graph.CudaGraphs(print, torch.device("cuda"))
    assert run(torch.ones(2, 3), None) == 6.0
    assert run(torch.zeros(2, 3), None) == 0.0
    assert recorded == [(2, {})]
    run(torch.ones(2, 3), torch.ones(1))
    run(torch.ones(2, 3), None, refined_heatmaps=True)
    assert len(recorded) == 3
    for batch in range(3, 3 + cuda_graph.MOST_GRAPHS):
        run(torch.ones(batch, 3), None)
    assert len(recorded) == 3 + cuda_graph.MOST_GRAPHS
    run(torch.ones(2, 3), None)  # its graph had to make room
    assert len(recorded) == 4 + cuda_graph.MOST_GRAPHS


COMPILE = pytest.mark.skipif(
    not os.environ.get("EGOREAR_TEST_COMPILER"), reason="compiling takes minutes: set EGOREAR_TEST_COMPILER=1"
)


@pytest.mark.parametrize(
    ("name", "device"),
    [
        pytest.param("small", "cpu", marks=COMPILE),
        *(pytest.param(name, "cuda", marks=pytest.mark.cuda) for name in tiny.BUILDERS),
    ],
)
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
