"""Lights, and the light from all sides."""

from dataclasses import dataclass

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.arrays import Floats32
from egorear_synth.shading import Ambience

WHITE_POINTS = ((1.0, 0.62, 0.33), (1.0, 0.78, 0.57), (1.0, 0.95, 0.88), (0.88, 0.95, 1.0))
"""Linear RGB of warm, neutral and cold lamps and of a grey sky."""


@dataclass(frozen=True, eq=False)
class Light:
    """A lamp, or a distant light such as the sun.

    Attributes:
        position: (3,) place of a lamp, m, or unit direction towards a distant light.
        is_lamp: which of both.
        radius: of a lamp, m, or of a distant light, rad: shadows are the softer, the larger it is.
        strength: (3,) linear RGB; of a lamp, at a distance of 1 m.
    """

    position: Floats32
    is_lamp: bool
    radius: float
    strength: Floats32

    @property
    def reach(self) -> float:
        """How far from its middle a lamp's light may come, m: from all of a cube."""
        return float(np.sqrt(3.0) * self.radius)

    def irradiance(self, point: FloatArray) -> float:
        """Return the mean irradiance of a surface that looks up from a point, (3,) m, if nothing hides the light."""
        towards = self.position - (point if self.is_lamp else 0.0)
        squared = float(towards @ towards)
        return max(float(towards[2]), 0.0) / squared**1.5 * float(self.strength.mean())

    def facts(self) -> dict[str, object]:
        """Return what is written into a data set."""
        return {
            "kind": "lamp" if self.is_lamp else "sun",
            "position_m" if self.is_lamp else "direction": np.round(self.position.astype(float), 3).tolist(),
            "radius_m" if self.is_lamp else "radius_rad": round(self.radius, 4),
            "strength": np.round(self.strength.astype(float), 3).tolist(),
        }


def share_out(lights: list[Light], shares: FloatArray, total: float, point: FloatArray) -> tuple[Light, ...]:
    """Return lights of such strengths that each gives a part of the irradiance of a point.

    Args:
        lights: of any strength.
        shares: of each light.
        total: irradiance of all of them at the point.
        point: (3,) m.
    """
    return tuple(
        Light(
            light.position,
            light.is_lamp,
            light.radius,
            (light.strength * np.float32(total * share / max(light.irradiance(point), 1e-3))).astype(np.float32),
        )
        for light, share in zip(lights, shares, strict=True)
    )


def sun(
    rng: np.random.Generator,
    elevation_deg: tuple[float, float],
    radius: float,
    azimuth: tuple[float, float] = (0.0, 2 * np.pi),
) -> Light:
    """Return a distant light of irradiance about 1, of an elevation (deg) and an azimuth (rad) between limits."""
    turn, elevation = rng.uniform(*azimuth), np.deg2rad(rng.uniform(*elevation_deg))
    towards = (np.cos(elevation) * np.cos(turn), np.cos(elevation) * np.sin(turn), np.sin(elevation))
    warmth = np.array([1.0, 0.93, 0.83]) ** rng.uniform(0.3, 2.0)
    return Light(np.array(towards, dtype=np.float32), False, radius, (warmth / warmth.mean()).astype(np.float32))


def lamp(rng: np.random.Generator, position: FloatArray, radius: float) -> Light:
    """Return a lamp at a place, (3,) m, in one of the usual shades of white."""
    colour = np.array(WHITE_POINTS[rng.integers(3)]) ** rng.uniform(0.3, 0.8)
    return Light(position.astype(np.float32), True, radius, (colour / colour.mean()).astype(np.float32))


def ambience(
    above: FloatArray,
    below: FloatArray,
    horizon: FloatArray,
    zenith: FloatArray,
    *,
    haze_m: float = 1e3,
    clouds: tuple[FloatArray, float, int] | None = None,
) -> Ambience:
    """Return light from all sides; see `Ambience`.

    Args:
        above: (3,) irradiance of a surface that looks up.
        below: (3,) of one that looks down.
        horizon: (3,) linear RGB.
        zenith: (3,) linear RGB.
        haze_m: see `Ambience`.
        clouds: linear RGB, cover and texture of clouds.
    """
    colour, cover, sky = clouds or (np.zeros(3), 0.0, 0)
    first, second, third, fourth, fifth = np.stack((above, below, horizon, zenith, colour)).astype(np.float32)
    return Ambience(first, second, third, fourth, fifth, np.float32(cover), np.float32(haze_m), np.int32(sky))
