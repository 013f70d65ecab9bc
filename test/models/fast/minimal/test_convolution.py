"""Minimal filtering against convolutions in double precision."""

import pickle
import threading

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from egorear_ros.models.fast.minimal.convolution import MinimalConv2d, partition
from egorear_ros.models.fast.minimal.jit import PLANS
from egorear_ros.models.fast.minimal.registers import Registers, host_registers
from egorear_ros.models.fast.minimal.threads import openmp

pytestmark = pytest.mark.skipif(
    host_registers() is None or openmp() is None, reason="minimal filtering is not available on this machine"
)
REGISTERS = host_registers() or Registers(1, 1, 1)
KINDS = list(PLANS)
NARROW = Registers(lanes=4, rows=6, vectors=4), Registers(lanes=8, rows=6, vectors=2)
"""Of processors with shorter vectors; any processor can do the same in parts."""


def make(
    stride: int,
    tile: int,
    *,
    channels: int = 16,
    panels: int = 1,
    relu: bool = False,
    bias: bool = True,
    registers: Registers = REGISTERS,
) -> tuple[MinimalConv2d, nn.Conv2d]:
    conv = nn.Conv2d(channels, panels * registers.panel, 3, stride, 1, bias=bias).requires_grad_(False)
    return MinimalConv2d(conv, tile, registers, relu=relu), conv


def naive(conv: nn.Conv2d, x: Tensor, residual: Tensor | None, *, relu: bool) -> Tensor:
    bias = None if conv.bias is None else conv.bias.double()
    y = F.conv2d(x.double(), conv.weight.double(), bias, conv.stride, 1)
    y = y if residual is None else y + residual.double()
    return (F.relu(y) if relu else y).float()


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(KINDS),
    st.integers(1, 3),
    st.integers(1, 23),
    st.integers(1, 23),
    st.integers(1, 3),
    st.integers(1, 3),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["rows", "channels last", "part of a larger map"]),
)
def test_any_shape(
    kind: tuple[int, int], n: int, height: int, width: int, depth: int, panels: int, relu: bool, add: bool, layout: str
) -> None:
    torch.manual_seed(height * width)
    layer, conv = make(*kind, channels=16 * depth, panels=panels, relu=relu, bias=height % 2 == 0)
    x = torch.randn(n, 16 * depth, height, width)
    if layout == "channels last":
        x = x.contiguous(memory_format=torch.channels_last)
    elif layout == "part of a larger map":
        x = torch.randn(n, 16 * depth + 3, height + 2, width + 2)[:, 3:, 2:, 1:-1]
    expected = naive(conv, x, None, relu=False)
    residual = torch.randn(expected.shape) if add else None
    found = layer(x, residual)
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found, naive(conv, x, residual, relu=relu), atol=5e-5, rtol=1e-5)


@pytest.mark.parametrize("registers", NARROW, ids=["128 bits", "256 bits"])
@pytest.mark.parametrize("kind", [(1, 4), (2, 2)])
def test_other_processors(kind: tuple[int, int], registers: Registers) -> None:
    layer, conv = make(*kind, channels=24, panels=3, relu=True, registers=registers)
    x = torch.randn(2, 24, 11, 17)
    torch.testing.assert_close(layer(x), naive(conv, x, None, relu=True), atol=5e-5, rtol=1e-5)


def test_a_copy_made_by_pickle_works() -> None:
    layer, _ = make(1, 4)
    x = torch.randn(1, 16, 5, 5)
    expected = layer(x)
    assert torch.equal(pickle.loads(pickle.dumps(layer))(x), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_written_beside_the_map(kind: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    layer, _ = make(*kind)
    x, guarded = torch.randn(1, 16, 7, 5), torch.full((100_000,), 7.0)
    expected = layer(x)

    def inside_of_guarded(shape: tuple[int, ...], **_: object) -> Tensor:
        n, k, h, w = shape
        return guarded[50_000 : 50_000 + n * k * h * w].view(n, h, w, k).permute(0, 3, 1, 2)

    layer(x)  # its workspace exists
    with monkeypatch.context() as patch:
        patch.setattr(torch, "empty", inside_of_guarded)
        found = layer(x)
    torch.testing.assert_close(found, expected, atol=0, rtol=0)
    assert (guarded[:50_000] == 7).all()
    assert (guarded[50_000 + found.numel() :] == 7).all()


def test_any_number_of_threads_gives_the_same_bits() -> None:
    layer, _ = make(1, 4, channels=32, panels=3, relu=True)
    x, found = torch.randn(2, 32, 21, 30), []
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3, 7):
            torch.set_num_threads(threads)
            found.append(layer(x))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(found[0], other) for other in found[1:])


def test_several_threads_may_use_one_layer() -> None:
    layer, conv = make(1, 4, channels=32)
    images = torch.randn(4, 1, 32, 12, 12)
    found: list[list[Tensor]] = [[] for _ in images]

    def work(index: int) -> None:
        found[index] = [layer(images[index]) for _ in range(20)]

    workers = [threading.Thread(target=work, args=(index,)) for index in range(len(images))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for image, results in zip(images, found, strict=True):
        expected = naive(conv, image, None, relu=False)
        assert len(results) == 20
        for result in results:
            torch.testing.assert_close(result, expected, atol=5e-5, rtol=1e-5)


def test_what_is_not_a_number_stays_visible() -> None:
    layer, _ = make(1, 4, relu=True)
    x = torch.zeros(1, 16, 8, 8)
    x[0, 3, 2, 2] = torch.nan
    found = layer(x)
    assert found[0, :, 1:4, 1:4].isnan().all()
    assert not found[0, :, 4:, 4:].isnan().any(), "other tiles do not see it"


def test_no_images_no_results() -> None:
    layer, _ = make(2, 2)
    assert layer(torch.zeros(0, 16, 8, 8)).shape == (0, REGISTERS.panel, 4, 4)


@pytest.mark.parametrize(
    "x",
    [torch.zeros(1, 17, 8, 8), torch.zeros(16, 8, 8), torch.zeros(1, 16, 8, 8, dtype=torch.float64)],
    ids=["channels", "axes", "precision"],
)
def test_other_inputs_are_refused(x: Tensor) -> None:
    layer, _ = make(1, 4)
    with pytest.raises(ValueError, match=r"input is .* expected \(N, 16, H, W\), torch.float32, on cpu"):
        layer(x)


def test_weights_of_another_precision_are_refused() -> None:
    layer, _ = make(1, 4)
    with pytest.raises(ValueError, match=r"weights are torch.float64, on cpu"):
        layer.double()(torch.zeros(1, 16, 8, 8))


def test_a_residual_of_another_shape_is_refused() -> None:
    layer, _ = make(1, 4)
    with pytest.raises(ValueError, match=r"residual is .* expected \(1, \d+, 8, 8\), torch.float32"):
        layer(torch.zeros(1, 16, 8, 8), torch.zeros(1, REGISTERS.panel, 4, 4))


@given(st.integers(1, 3000), st.integers(1, 16), st.integers(1, 200), st.integers(1, 64))
def test_tasks_cover_everything_once(tiles: int, panels: int, most: int, threads: int) -> None:
    cut = partition(tiles, panels, most, threads)
    assert cut.tiles <= most
    assert (cut.blocks - 1) * cut.tiles < tiles <= cut.blocks * cut.tiles
    assert (cut.chunks - 1) * cut.panels < panels <= cut.chunks * cut.panels
