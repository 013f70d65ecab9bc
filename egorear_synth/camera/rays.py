"""The rays of every pixel of a view, kept, and where within its pixel each ray goes."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from egorear_ros.geometry.fisheye import max_radius, scale_lens, unproject
from egorear_ros.structures import EquidistantLens, FloatArray, Lens
from egorear_synth.arrays import Floats32

KEPT_VIEWS = 12
"""Views of which the rays are kept; one of 872x872 takes 26 MB."""

STEP_PX = 0.01
"""For the derivative of rays; small against a pixel, large against the inverse lens's 1e-9 px."""


@dataclass(frozen=True, eq=False)
class ViewRays:
    """Rays of the M pixels whose centre lies within a view's field of view.

    Attributes:
        width, height: image size, px.
        places: (M,) in the flattened image.
        centres: (3, M) rays of the pixels' centres, camera frame, unit.
        across, down: (3, M) change of the ray for one pixel to the right and down.
        radius: (M,) distance from the optical axis in the image; the edge of the field of view is at 1.
        spread: angle between neighbouring rays, rad.
    """

    width: int
    height: int
    places: NDArray[np.int32]
    centres: Floats32
    across: Floats32
    down: Floats32
    radius: Floats32
    spread: float

    def directions(self, part: slice, offsets: Floats32 | None, R_world_camera: FloatArray) -> Floats32:
        """Return (K, 3) rays in the world.

        Args:
            part: which of the M pixels.
            offsets: (2, K) right and down of the pixels' centres, px; None: the centres. Within a pixel, rays are
                linear to 0.002 px at 256 px across; their lengths to 1e-4.
            R_world_camera: (3, 3).
        """
        rays = self.centres[:, part]
        if offsets is not None:
            rays = rays + offsets[0] * self.across[:, part] + offsets[1] * self.down[:, part]
        return np.ascontiguousarray((R_world_camera.astype(np.float32) @ rays).T)


@lru_cache(maxsize=KEPT_VIEWS)
def view_rays(lens: Lens, width: int, height: int) -> ViewRays:
    """Return the rays of a view.

    Args:
        lens: of the calibrated size.
        width: of the image, px.
        height: of the image, px.

    Raises:
        ValueError: another aspect ratio than the calibrated one.
    """
    lens = scale_lens(lens, width, height)
    u, v = np.meshgrid(np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64))
    pixels = np.stack((u, v), axis=-1)
    rays, inside = unproject(pixels, lens)
    places = np.flatnonzero(inside)
    pixels, rays = pixels[inside], rays[inside]
    # Neighbouring rays of a nearly equidistant lens differ by the same angle everywhere.
    spread = float(np.sqrt(2 * np.pi * (1 - np.cos(lens.max_theta)) / max(len(places), 1)))
    return ViewRays(
        width,
        height,
        places.astype(np.int32),
        np.ascontiguousarray(rays.T, dtype=np.float32),
        _derivative(lens, pixels, rays, 0),
        _derivative(lens, pixels, rays, 1),
        _radius(lens, pixels),
        spread,
    )


def _derivative(lens: Lens, pixels: FloatArray, rays: FloatArray, axis: int) -> Floats32:
    """Return the (3, M) change of rays along one axis of the image, 1/px."""
    # Steps go inwards, where the lens is defined.
    step = np.where(pixels[:, axis] > lens.center_px[axis], -STEP_PX, STEP_PX)
    moved = pixels.copy()
    moved[:, axis] += step
    return np.ascontiguousarray(((unproject(moved, lens)[0] - rays) / step[:, None]).T, dtype=np.float32)


def _radius(lens: Lens, pixels: FloatArray) -> Floats32:
    focal = lens.focal_px if isinstance(lens, EquidistantLens) else (1.0, 1.0)
    x, y = ((pixels[:, axis] - lens.center_px[axis]) / focal[axis] for axis in (0, 1))
    return (np.hypot(x, y) / max_radius(lens)).astype(np.float32)


def strata(samples: int) -> Iterator[tuple[int, int]]:
    """Yield the column and row of each of `samples` x `samples` parts of a pixel."""
    for row in range(samples):
        for column in range(samples):
            yield column, row


def jitter(rng: np.random.Generator, stratum: tuple[int, int], samples: int, count: int) -> Floats32 | None:
    """Return (2, count) random places within one part of each pixel, px from its centre; None: all at the centre.

    A single sample is taken at the centre, where it is least wrong.
    """
    if samples == 1:
        return None
    places = rng.random((2, count), dtype=np.float32)
    places += np.array(stratum, dtype=np.float32)[:, None]
    places *= np.float32(1.0 / samples)
    places -= np.float32(0.5)
    return places
