"""Project points into fisheye images and pixels back into rays, for NumPy arrays and torch tensors.

Both lens models say how far from the optical axis' pixel a ray lands, as a function of its angle
theta from that axis; everything else is shared. They hold beyond 90 degrees.
"""

import math
from functools import lru_cache
from types import ModuleType
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from egorear_ros.structures import EquidistantLens, Lens, OcamLens

ArrayT = TypeVar("ArrayT")
"""A NumPy array or a torch tensor; what comes in goes out, in its dtype and on its device."""

NEWTON_STEPS = 2
"""Before the last one, which carries the gradient. From a table's start each step squares the error."""

TABLE_SIZE = 2048

AXIS_BEND = 0.025
"""Largest relative change of slope where a straight line closes the gap at the axis; see `_axis`."""

MAX_AXIS_GAP_PX = 1.0
"""A polynomial that misses the optical axis by more has wrong coefficients, not rounding."""


def project(points_camera: ArrayT, lens: Lens) -> tuple[ArrayT, ArrayT]:
    """Project 3D points into a fisheye image.

    Args:
        points_camera: (..., 3) points in the camera optical frame (x right, y down, z forward), any unit.
        lens: the lens.

    Returns:
        pixels: (..., 2) as (u, v), px, pixel centres at integers; neither clamped to the image nor
            to the field of view, and finite for finite points. Where the direction is undefined,
            at the camera centre and exactly behind it, the optical axis' pixel.
        visible: (...) bool; within `lens.max_theta`, inside the image, and not the camera centre.

    Raises:
        ValueError: the last axis is not 3.

    Source: see `OcamLens` and `EquidistantLens`. For theta < 90 degrees the latter agrees with
    `cv2.fisheye.projectPoints`; beyond, OpenCV mirrors points behind the image plane, which a lens
    wider than 180 degrees still sees.
    """
    xp = _namespace(points_camera)
    u, v, theta = _land(points_camera, lens_terms(lens), xp)
    visible = (theta <= lens.max_theta) & _inside(u, v, lens)
    return xp.stack((u, v), -1), visible


class LensTerms(NamedTuple):
    """The numbers of a lens's formula, the same for both models; or, as arrays, those of several lenses.

    Attributes:
        focal: of u and v; px, or 1 where the polynomial already gives px.
        center: likewise, px.
        axis_theta: up to this angle, rad, the image radius is `axis_slope * theta`.
        axis_slope: see `axis_theta`.
        offset: angle, rad, from which the polynomial counts.
        coefficients: ascending, of the image radius.
    """

    focal: tuple[Any, Any]
    center: tuple[Any, Any]
    axis_theta: Any
    axis_slope: Any
    offset: Any
    coefficients: tuple[Any, ...]


def project_pixels(points_camera: ArrayT, terms: LensTerms) -> ArrayT:
    """Return the (..., 2) pixels that `project` returns, of several lenses at once if the terms are arrays.

    Args:
        points_camera: (..., 3) points, each in the optical frame of its camera.
        terms: of its lens; arrays are broadcast to (...).
    """
    xp = _namespace(points_camera)
    pixels: ArrayT = xp.stack(_land(points_camera, terms, xp)[:2], -1)
    return pixels


@lru_cache(maxsize=64)
def lens_terms(lens: Lens) -> LensTerms:
    """Return the numbers of a lens."""
    axis = _axis(lens)
    return LensTerms(_focal(lens), lens.center_px, axis.theta, axis.slope, _offset(lens), _coefficients(lens))


def unproject(pixels: ArrayT, lens: Lens) -> tuple[ArrayT, ArrayT]:
    """Return the rays that land on pixels.

    Args:
        pixels: (..., 2) as (u, v), px, pixel centres at integers.
        lens: the lens.

    Returns:
        rays_camera: (..., 3) unit vectors in the camera optical frame; beyond the field of view
            those of its edge.
        visible: (...) bool; inside the image and within `lens.max_theta`.

    Raises:
        ValueError: the last axis is not 2.

    The lens's own polynomial is inverted, because the inverse polynomials of calibration files are
    approximations. Differentiable once in torch.
    """
    px: Any = pixels
    if px.shape[-1:] != (2,):
        raise ValueError(f"pixels has shape {tuple(px.shape)}; expected (..., 2).")
    xp = _namespace(px)
    focal, center = _focal(lens), lens.center_px
    x, y = (px[..., 0] - center[0]) / focal[0], (px[..., 1] - center[1]) / focal[1]
    square = x * x + y * y
    on_axis = square <= 0.0
    distance = xp.sqrt(xp.where(on_axis, 1.0, square))
    radius = xp.where(on_axis, 0.0, distance)
    limit = max_radius(lens)
    theta = _theta(xp.clip(radius, 0.0, limit), lens, xp)
    # sin(theta) over distance tends to one over slope.
    scale = xp.where(on_axis, 1.0 / _axis(lens).slope, xp.sin(theta) / distance)
    rays = xp.stack((scale * x, scale * y, xp.cos(theta)), -1)
    return rays, (radius <= limit) & _inside(px[..., 0], px[..., 1], lens)


def field_of_view_mask(lens: Lens) -> NDArray[np.bool_]:
    """Return an (H, W) mask of the pixels whose ray is within `lens.max_theta`."""
    u, v = np.meshgrid(np.arange(lens.width, dtype=float), np.arange(lens.height, dtype=float))
    visible = unproject(np.stack((u, v), axis=-1), lens)[1]
    return np.asarray(visible, dtype=bool)


def scale_lens(lens: Lens, width: int, height: int) -> Lens:
    """Return the lens of the same camera for resized images.

    Args:
        lens: the calibrated lens.
        width: of the new images, px.
        height: of the new images, px, of the same aspect ratio.

    Raises:
        ValueError: the aspect ratio differs by more than half a pixel.
    """
    factor = width / lens.width
    if abs(height - factor * lens.height) > 0.5:
        raise ValueError(
            f"{width}x{height} px is no uniform scaling of the calibrated {lens.width}x{lens.height} px. "
            "Crop the image to the calibrated aspect ratio, or calibrate at this size."
        )
    # Pixel centres are at integers, so the image's left edge is at -0.5.
    center = tuple((value + 0.5) * factor - 0.5 for value in lens.center_px)
    if isinstance(lens, OcamLens):
        polynomial = tuple(factor * value for value in lens.polynomial)
        return OcamLens(width, height, (center[0], center[1]), polynomial, lens.max_theta)
    focal = (factor * lens.focal_px[0], factor * lens.focal_px[1])
    return EquidistantLens(width, height, focal, (center[0], center[1]), lens.distortion, lens.max_theta)


def max_radius(lens: Lens) -> float:
    """Return the image radius of the edge of the field of view: px for ocam, focal lengths for equidistant."""
    return float(_radius(np.array(lens.max_theta), lens_terms(lens), np))


def check_lens(lens: Lens) -> None:
    """Check that a lens can be inverted: it starts at the axis and grows over the whole field of view.

    Raises:
        ValueError: it does not; says where and what to do.
    """
    gap_px = _polynomial(0.0, lens) if isinstance(lens, OcamLens) else 0.0
    if abs(gap_px) > MAX_AXIS_GAP_PX:
        raise ValueError(
            f"the polynomial puts the optical axis {gap_px:.1f} px from center_px; expected 0. Are the coefficients "
            "ascending, and from angle to radius (world to camera)?"
        )
    theta = np.linspace(0.0, lens.max_theta, TABLE_SIZE)
    falling = np.flatnonzero(np.diff(_polynomial(theta, lens)) <= 0.0)
    if falling.size:
        raise ValueError(
            f"the image radius stops growing {math.degrees(theta[falling[0]]):.1f} degrees off the axis, before the "
            f"edge of the field of view at {math.degrees(lens.max_theta):.1f} degrees. Lower max_theta_deg, or "
            "calibrate with points near the image edge."
        )


def theta_at_radius(lens: Lens, radius_px: float) -> float:
    """Return the first angle from the optical axis, rad, that lands this far from `center_px`.

    `lens.max_theta` does not limit it. For an equidistant lens, the mean focal length counts.

    Raises:
        ValueError: no angle below 180 degrees does.
    """
    target = radius_px / (sum(_focal(lens)) / 2)
    theta = np.linspace(0.0, math.pi, 64 * TABLE_SIZE)
    radii = np.asarray(_polynomial(theta, lens))
    beyond = np.flatnonzero(radii >= target)
    if not beyond.size:
        raise ValueError(
            f"the lens polynomial never reaches a radius of {radius_px:g} px; its largest is {radii.max():.1f} px."
        )
    index = max(int(beyond[0]), 1)
    return float(np.interp(target, radii[index - 1 : index + 1], theta[index - 1 : index + 1]))


def _namespace(array: Any) -> ModuleType:
    """Return the module whose functions take this array: numpy, or torch without importing it for NumPy users."""
    if isinstance(array, (np.ndarray, np.generic)):
        return np
    import torch

    return torch


def _arctan2(y: Any, x: Any, xp: ModuleType) -> Any:
    """Return the angle, rounded in the same way however many there are.

    torch computes neighbours in memory several at a time, and what remains of them by another function. That
    would make the pixel of a point depend on how many others there are; of numbers that are apart it computes
    each by itself.
    """
    if xp is np:
        return np.arctan2(y, x)
    apart = xp.stack((y, x), -1)
    return xp.arctan2(apart[..., 0], apart[..., 1])


def _land(points: Any, terms: LensTerms, xp: ModuleType) -> tuple[Any, Any, Any]:
    """Return (...) u and v, px, and the angle from the optical axis, rad, of (..., 3) points."""
    if points.shape[-1:] != (3,):
        raise ValueError(f"points_camera has shape {tuple(points.shape)}; expected (..., 3).")
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    square = x * x + y * y
    # At the axis sqrt and division have no gradient, and `where` alone would let their NaN through:
    # such points get harmless operands first, and their own formula afterwards.
    on_axis = square <= 0.0
    ahead = z > 0.0
    distance = xp.sqrt(xp.where(on_axis, 1.0, square))
    theta = _arctan2(xp.where(on_axis, 0.0, distance), xp.where(on_axis & ~ahead, -1.0, z), xp)
    radius = _radius(theta, terms, xp)
    # Radius over distance tends to slope over depth, which gives the right gradient on the axis too.
    axis_scale = xp.where(ahead, terms.axis_slope / xp.where(ahead, z, 1.0), 0.0)
    u = terms.focal[0] * xp.where(on_axis, axis_scale * x, radius * (x / distance)) + terms.center[0]
    v = terms.focal[1] * xp.where(on_axis, axis_scale * y, radius * (y / distance)) + terms.center[1]
    return u, v, theta


def _focal(lens: Lens) -> tuple[float, float]:
    return lens.focal_px if isinstance(lens, EquidistantLens) else (1.0, 1.0)


def _inside(u: Any, v: Any, lens: Lens) -> Any:
    """Whether a pixel lies on the image, whose edge is half a pixel beyond the outermost centres."""
    return (u >= -0.5) & (u <= lens.width - 0.5) & (v >= -0.5) & (v <= lens.height - 0.5)


class _Axis(NamedTuple):
    """Near the optical axis, up to `theta`, the image radius is `slope * theta`."""

    theta: float
    slope: float


@lru_cache(maxsize=64)
def _axis(lens: Lens) -> _Axis:
    """Return the straight line that closes an ocam polynomial's gap at the axis.

    Fitted polynomials give a radius of some thousandths of a pixel at theta = 0, so that the
    projection would jump across the axis and have neither inverse nor gradient there. A straight line
    from zero meets the polynomial so soon that no pixel moves by more than that gap.
    """
    gap, slope = float(_polynomial(0.0, lens)), float(_slope(0.0, lens))
    if gap == 0.0:
        return _Axis(0.0, slope)
    theta = abs(gap) / (AXIS_BEND * abs(slope))
    return _Axis(theta, float(_polynomial(theta, lens)) / theta)


def _radius(theta: Any, terms: LensTerms, xp: ModuleType) -> Any:
    """Image radius of an angle from the optical axis: px for ocam, focal lengths for equidistant."""
    radius = _horner(terms.coefficients, theta - terms.offset)
    if isinstance(terms.axis_theta, float) and not terms.axis_theta:
        return radius
    return xp.where(theta < terms.axis_theta, terms.axis_slope * theta, radius)


def _polynomial(theta: Any, lens: Lens) -> Any:
    return _horner(_coefficients(lens), theta - _offset(lens))


def _slope(theta: Any, lens: Lens) -> Any:
    derivative = tuple(power * value for power, value in enumerate(_coefficients(lens)))[1:]
    return _horner(derivative, theta - _offset(lens))


def _coefficients(lens: Lens) -> tuple[float, ...]:
    """Ascending coefficients of the image radius as a polynomial of the angle from `_offset`."""
    if isinstance(lens, EquidistantLens):
        k1, k2, k3, k4 = lens.distortion
        return (0.0, 1.0, 0.0, k1, 0.0, k2, 0.0, k3, 0.0, k4)
    return lens.polynomial


def _offset(lens: Lens) -> float:
    """Angle from the optical axis that the polynomial counts from; ocam's is in the image plane."""
    return 0.0 if isinstance(lens, EquidistantLens) else math.pi / 2


def _horner(coefficients: tuple[float, ...], x: Any) -> Any:
    result = 0.0 * x + coefficients[-1]
    for value in reversed(coefficients[:-1]):
        result = result * x + value
    return result


@lru_cache(maxsize=64)
def _table(lens: Lens) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Radii and their angles, densely over the field of view."""
    theta = np.linspace(0.0, lens.max_theta, TABLE_SIZE)
    return np.asarray(_radius(theta, lens_terms(lens), np)), theta


def _theta(radius: Any, lens: Lens, xp: ModuleType) -> Any:
    """Invert `_radius` on [0, max_theta]: Newton's method, held inside a bracket from a table."""
    radii, angles = _table(lens)
    if xp is np:
        given = radius
        radii, angles = radii.astype(given.dtype), angles.astype(given.dtype)
    else:
        given = radius.detach().contiguous()
        radii, angles = (xp.as_tensor(column, dtype=given.dtype, device=given.device) for column in (radii, angles))
    upper = xp.clip(xp.searchsorted(radii, given), 1, TABLE_SIZE - 1)
    low, high = angles[upper - 1], angles[upper]
    theta = low + (high - low) * (given - radii[upper - 1]) / (radii[upper] - radii[upper - 1])
    for _ in range(NEWTON_STEPS):
        theta = xp.clip(theta, low, high)
        theta = theta + (given - _radius(theta, lens_terms(lens), xp)) / _radius_slope(theta, lens, xp)
    theta = xp.clip(theta, low, high)
    # The gradient of the inverse is one over the slope: that of the last step, theta held constant.
    return theta + (radius - _radius(theta, lens_terms(lens), xp)) / _radius_slope(theta, lens, xp)


def _radius_slope(theta: Any, lens: Lens, xp: ModuleType) -> Any:
    axis = _axis(lens)
    slope = _slope(theta, lens)
    return xp.where(theta < axis.theta, axis.slope, slope) if axis.theta else slope
