import numpy as np
import pytest

from egorear_synth.places import indoor_patterns, outdoor_patterns
from egorear_synth.places.noise import clouds, courses, stones
from egorear_synth.places.texture import LINEAR_OF_SRGB
from egorear_synth.places.wardrobe import Pattern

PATTERNS = sorted(
    {
        *indoor_patterns.FLOORS,
        *indoor_patterns.WALLS,
        *indoor_patterns.FURNITURE,
        *outdoor_patterns.GROUNDS,
        indoor_patterns.rug,
        outdoor_patterns.leaves,
        outdoor_patterns.bark,
        outdoor_patterns.facade,
        outdoor_patterns.sky_clouds,
    },
    key=lambda pattern: pattern.__name__,
)


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.__name__)
def test_patterns_depend_on_the_seed_alone_and_have_contrast_and_no_seam(pattern: Pattern) -> None:
    first, again, other = (pattern(np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.levels[0], again.levels[0])
    assert (first.levels[0] != other.levels[0]).mean() > 0.1
    light = LINEAR_OF_SRGB[first.levels[0]]
    assert 0.01 < light.mean() < 0.9
    assert light.std() > 0.001
    assert min(first.size_m) > 0.3
    for axis in (0, 1):
        steps = np.abs(light - np.roll(light, 1, axis=axis)).mean(axis=(1 - axis, 2))
        # A seam would be the steepest step of all; the joint of a tile is as steep as other joints.
        assert steps[0] <= 1.1 * np.sort(steps)[-2] + 1e-3


def test_clouds_have_mean_zero_deviation_one_and_stretch_to_the_right() -> None:
    noise = clouds(np.random.default_rng(0), 128, 1.0, 16.0)
    assert abs(noise.mean()) < 1e-4
    assert noise.std() == pytest.approx(1.0, abs=1e-3)
    right, down = (np.abs(noise - np.roll(noise, 1, axis=axis)).mean() for axis in (1, 0))
    assert right < 0.5 * down


def test_stones_are_whole_across_the_seam() -> None:
    numbers, depth = stones(np.random.default_rng(0), 128, 100)
    assert 60 < numbers.max() < 110
    shifted, _ = np.roll(numbers, 64, axis=0), np.roll(depth, 64, axis=0)
    # As many edges across the seam as anywhere.
    edges = (shifted != np.roll(shifted, 1, axis=0)).mean(axis=1)
    assert edges[64] < 2.5 * edges.mean()
    assert depth.min() == 0
    assert depth.max() > 4


@pytest.mark.parametrize(("rows", "columns", "shift"), [(4, 4, 0.0), (8, 2, 0.5), (6, 3, 0.0)])
def test_courses_are_tiles_of_one_size(rows: int, columns: int, shift: float) -> None:
    number, edge = courses(192, rows, columns, shift)
    counts = np.bincount(number.ravel())
    assert len(counts) == rows * columns
    assert counts.max() - counts.min() <= 0.05 * counts.mean()
    assert edge.min() < 1
    assert edge.max() == pytest.approx(min(96 / rows, 96 / columns), abs=1.0)
