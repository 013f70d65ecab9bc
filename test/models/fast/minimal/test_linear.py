"""A matrix that streams from memory against products in double precision."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from egorear_ros.models.fast.minimal.linear import LEAST_BYTES, StreamedLinear
from egorear_ros.models.fast.minimal.registers import Registers, host_registers
from egorear_ros.models.fast.minimal.threads import openmp
from egorear_ros.models.fast.minimal.vector_product import ROWS, step

pytestmark = pytest.mark.skipif(
    host_registers() is None or openmp() is None, reason="compiled programs are not available on this machine"
)
REGISTERS = host_registers() or Registers(1, 1, 1)
STEP = step(REGISTERS)
NARROW = Registers(lanes=4, rows=6, vectors=4), Registers(lanes=8, rows=6, vectors=2)
"""Of processors with shorter vectors; any processor can do the same in parts."""


def exact(linear: nn.Linear, x: Tensor) -> Tensor:
    return (x.double() @ linear.weight.double().T + linear.bias.double()).float()


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([(), (1,), (1, 1)]), st.sampled_from([REGISTERS, *NARROW]))
def test_any_size(tasks: int, steps: int, leading: tuple[int, ...], registers: Registers) -> None:
    torch.manual_seed(tasks * steps)
    linear = nn.Linear(steps * step(registers), tasks * ROWS).requires_grad_(False)
    x = torch.randn(*leading, linear.in_features)
    found = StreamedLinear(linear, registers)(x)
    torch.testing.assert_close(found, exact(linear, x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_any_number_of_threads(threads: int) -> None:
    linear = nn.Linear(5 * STEP, 40 * ROWS).requires_grad_(False)
    x, before = torch.randn(1, 5 * STEP), torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = StreamedLinear(linear, REGISTERS)(x)
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(found, exact(linear, x), atol=1e-5, rtol=1e-5)


def test_a_vector_that_is_not_contiguous() -> None:
    linear = nn.Linear(2 * STEP, ROWS).requires_grad_(False)
    x = torch.randn(1, 2 * STEP, 3)[..., 1]
    torch.testing.assert_close(StreamedLinear(linear, REGISTERS)(x), exact(linear, x), atol=1e-5, rtol=1e-5)


def test_several_rows_and_other_digits_are_pytorchs() -> None:
    linear = nn.Linear(2 * STEP, ROWS).requires_grad_(False)
    x = torch.randn(3, 2 * STEP)
    assert torch.equal(StreamedLinear(linear, REGISTERS)(x), linear(x))
    reduced = StreamedLinear(linear, REGISTERS).bfloat16()
    assert reduced(x[:1].bfloat16()).dtype == torch.bfloat16


def test_what_fits() -> None:
    with torch.device("meta"):
        large = nn.Linear(STEP * 1024, LEAST_BYTES // (4 * STEP * 1024))
        small, crooked = nn.Linear(STEP * 1024, ROWS), nn.Linear(STEP * 1024 + 1, large.out_features)
        rows = nn.Linear(STEP * 1024, large.out_features + 1)
        free = nn.Linear(STEP * 1024, large.out_features, bias=False)
    assert StreamedLinear.fits(large, REGISTERS)
    for other in (small, crooked, rows, free, nn.ReLU()):
        assert not StreamedLinear.fits(other, REGISTERS)


def test_other_lengths_are_refused_as_pytorch_does() -> None:
    linear = nn.Linear(4 * STEP, ROWS).requires_grad_(False)
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        StreamedLinear(linear, REGISTERS)(torch.randn(2, 2 * STEP))
