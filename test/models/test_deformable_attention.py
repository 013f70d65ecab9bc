"""Deformable attention against a twin that samples point by point."""

import math

import pytest
import torch
from torch import Tensor

from egorear_ros.models.deformable_attention import DeformableAttention

HEADS, POINTS, MAP, DIM, JOINTS, VIEWS = 4, 3, 6, 8, 5, 3


def _pixel(values: Tensor, column: int, row: int) -> Tensor:
    """Value of a pixel; zero outside the map."""
    inside = 0 <= column < MAP and 0 <= row < MAP
    return values[row * MAP + column] if inside else torch.zeros_like(values[0])


def _bilinear(values: Tensor, u: float, v: float) -> Tensor:
    """Sample at fractions of the map's size; the centre of pixel k is at (k + 0.5) / MAP."""
    x, y = u * MAP - 0.5, v * MAP - 0.5
    column, row = math.floor(x), math.floor(y)
    a, b = x - column, y - row
    return (
        (1 - a) * (1 - b) * _pixel(values, column, row)
        + a * (1 - b) * _pixel(values, column + 1, row)
        + (1 - a) * b * _pixel(values, column, row + 1)
        + a * b * _pixel(values, column + 1, row + 1)
    )


def _naive(attention: DeformableAttention, query: Tensor, memory: Tensor, anchors: Tensor, valid: Tensor) -> Tensor:
    batch, views, joints, _ = anchors.shape
    out = torch.zeros(batch, views, joints, DIM)
    offsets = attention.sampling_offsets(query).view(batch, joints, HEADS, POINTS, 2)
    weights = attention.attention_weights(query).view(batch, joints, HEADS, POINTS).softmax(-1)
    values = attention.value_proj(memory)
    for b in range(batch):
        for view in range(views):
            for joint in range(joints):
                if not valid[b, view, joint]:
                    continue
                heads = []
                for head in range(HEADS):
                    part = values[b, view, :, head * DIM // HEADS : (head + 1) * DIM // HEADS]
                    total = torch.zeros(DIM // HEADS)
                    for point in range(POINTS):
                        place = anchors[b, view, joint] + offsets[b, joint, head, point] / MAP
                        total = total + weights[b, joint, head, point] * _bilinear(part, *place.tolist())
                    heads.append(total)
                out[b, view, joint] = attention.output_proj(torch.cat(heads))
    return out


@pytest.fixture
def attention() -> DeformableAttention:
    torch.manual_seed(0)
    attention = DeformableAttention(DIM, HEADS, POINTS, MAP)
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.normal_()
    return attention


@pytest.fixture
def inputs() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    query = torch.randn(2, JOINTS, DIM, generator=generator)
    memory = torch.randn(2, VIEWS, MAP * MAP, DIM, generator=generator)
    anchors = torch.rand(2, VIEWS, JOINTS, 2, generator=generator)
    valid = torch.rand(2, VIEWS, JOINTS, generator=generator) > 0.3
    return query, memory, anchors, valid


def test_equals_naive_twin(attention: DeformableAttention, inputs: tuple[Tensor, ...]) -> None:
    with torch.no_grad():
        torch.testing.assert_close(attention(*inputs), _naive(attention, *inputs), rtol=1e-5, atol=1e-5)


def test_masked_joints_are_exactly_zero(attention: DeformableAttention, inputs: tuple[Tensor, ...]) -> None:
    out = attention(*inputs)
    assert (out[~inputs[3]] == 0.0).all()
    assert (out[inputs[3]] != 0.0).all()


def test_far_outside_the_map_only_biases_remain(attention: DeformableAttention, inputs: tuple[Tensor, ...]) -> None:
    query, memory, anchors, valid = inputs
    out = attention(query, memory, anchors + 100.0, torch.ones_like(valid))
    torch.testing.assert_close(out, attention.output_proj.bias.expand_as(out))


def test_fresh_attention_looks_in_four_directions_ever_further() -> None:
    bias = DeformableAttention(DIM, HEADS, POINTS, MAP).sampling_offsets.bias.view(HEADS, POINTS, 2)
    directions = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    expected = directions[:, None] * torch.tensor([1.0, 2.0, 3.0])[:, None]
    torch.testing.assert_close(bias, expected)


def test_gradients_are_finite(attention: DeformableAttention, inputs: tuple[Tensor, ...]) -> None:
    query, memory, anchors, valid = inputs
    query.requires_grad_()
    memory.requires_grad_()
    attention(query, memory, anchors, valid).square().sum().backward()
    for tensor in (query, memory, *attention.parameters()):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()
    assert (memory.grad != 0.0).any()
