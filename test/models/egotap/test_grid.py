"""The grid of heatmaps against a naive twin that tiles a picture."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from egorear_ros.models.egotap.grid import HeatmapGrid, cut
from egorear_ros.models.size import ModelSize


def tiled(heatmaps: Tensor, cells_a_side: int) -> Tensor:
    """The naive twin: put (V, J, H, W) maps into a square of cells, row by row."""
    flat, size = heatmaps.flatten(0, 1), heatmaps.shape[-1]
    picture = torch.zeros(cells_a_side * size, cells_a_side * size)
    for number, one in enumerate(flat):
        row, column = divmod(number, cells_a_side)
        picture[row * size : (row + 1) * size, column * size : (column + 1) * size] = one
    return picture


@pytest.mark.parametrize(("views", "cells_a_side"), [(2, 6), (3, 7), (4, 8)])
def test_patches_are_those_of_the_tiled_picture(tiny: Callable[..., ModelSize], views: int, cells_a_side: int) -> None:
    torch.manual_seed(0)
    grid = HeatmapGrid(tiny(views)).eval()
    assert grid.cells == cells_a_side**2
    grid.layers, grid.norm = nn.ModuleList(), nn.Identity()  # what is left embeds patches
    with torch.no_grad():
        grid.position.zero_()
    heatmaps = torch.rand(1, views, 15, 16, 16)
    found = grid(heatmaps)[0].flatten(0, 1).unflatten(-1, (4, 4, -1))
    kernel = grid.embed.weight.view(-1, 1, 4, 4)
    picture = F.conv2d(tiled(heatmaps[0], cells_a_side)[None, None], kernel, grid.embed.bias, stride=4)[0]
    for number in range(views * 15):
        row, column = divmod(number, cells_a_side)
        cell = picture[:, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        torch.testing.assert_close(found[number], cell.permute(1, 2, 0), rtol=1e-4, atol=1e-5)


def test_cutting_keeps_rows_together() -> None:
    patches = cut(torch.arange(64.0).view(8, 8))
    assert patches.shape == (16, 4)
    assert patches[0].tolist() == [0.0, 1.0, 8.0, 9.0]
    assert patches[6].tolist() == [20.0, 21.0, 28.0, 29.0]


def test_empty_cells_are_looked_at(tiny: Callable[..., ModelSize]) -> None:
    torch.manual_seed(0)
    grid, heatmaps = HeatmapGrid(tiny(2)).eval(), torch.rand(1, 2, 15, 16, 16)
    with torch.no_grad():
        before = grid(heatmaps)
        grid.mask_token.add_(torch.randn(grid.dim))
        assert not torch.allclose(before, grid(heatmaps), atol=1e-4)


def test_maps_of_a_masked_view_are_empty_cells(tiny: Callable[..., ModelSize]) -> None:
    torch.manual_seed(0)
    grid, heatmaps = HeatmapGrid(tiny(2)).eval(), torch.rand(1, 2, 15, 16, 16)
    mask = torch.tensor([[True, False]])
    other = torch.cat([heatmaps[:, :1], torch.full_like(heatmaps[:, 1:], float("nan"))], dim=1)
    with torch.no_grad():
        assert torch.equal(grid(heatmaps, mask), grid(other, mask))
        assert not torch.allclose(grid(heatmaps, mask)[:, 0], grid(heatmaps)[:, 0], atol=1e-4)
