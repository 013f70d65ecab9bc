"""What a camera does to light, as numbers: one `Sensor` for the cameras of one sequence."""

import math
from dataclasses import asdict, dataclass

import numpy as np

RAW_GAINS = (1.9, 1.0, 1.6)
"""Daylight gains of a usual colour sensor: red and blue pixels get less light, so their noise is amplified."""


@dataclass(frozen=True)
class Sensor:
    """Everything that turns radiance into an image file.

    Lengths in px are those of images of the calibrated size. Smaller images average the sensor's pixels, so that they
    are less noisy and less blurred, as resized photographs are.

    Attributes:
        exposure: signal, 1 being white, of a radiance of 1.
        view_gains: (view, factor on `exposure`) where the cameras expose themselves.
        exposure_bias_ev: how much brighter than mean grey the exposure is set, in powers of two.
        own_metering: 0: all cameras of the rig are exposed alike; 1: each for itself; between: partly.
        drift_ev: largest deviation of the exposure over time, in powers of two.
        drift_white: largest deviation of red against blue over time, relative.
        drift_period_s: of both, s.
        drift_phase: of both, rad.
        white_balance: factors on red, green and blue that remain after the camera's own white balance.
        saturation: 0: grey; 1: as it is.
        contrast: of the tone curve; 0: sRGB; positive: darker shadows and brighter lights.
        glare: share of the image's mean light that lens and housing spread over the whole image.
        vignetting: share of light lost at the edge of the field of view.
        vignetting_power: the loss grows with this power of the image radius.
        edge_softness: the image circle fades over this share of its radius.
        defocus_px: standard deviation of the blur on the optical axis, px. It does not depend on depth: a fixed-focus
            fisheye of 1 to 2 mm focal length is as sharp from some 20 cm to infinity as it ever gets.
        edge_defocus_px: the same at the edge of the field of view.
        electrons: electrons of a white green pixel; decides the shot noise.
        read_electrons: standard deviation of the noise of reading a pixel, electrons.
        shutter_s: exposure time, s.
        jpeg_quality: 1 to 100.
    """

    exposure: float = 1.0
    view_gains: tuple[tuple[str, float], ...] = ()
    exposure_bias_ev: float = 0.0
    own_metering: float = 0.5
    drift_ev: float = 0.0
    drift_white: float = 0.0
    drift_period_s: float = 10.0
    drift_phase: float = 0.0
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    saturation: float = 1.0
    contrast: float = 0.1
    glare: float = 0.02
    vignetting: float = 0.35
    vignetting_power: float = 3.0
    edge_softness: float = 0.015
    defocus_px: float = 0.8
    edge_defocus_px: float = 1.2
    electrons: float = 1500.0
    read_electrons: float = 4.0
    shutter_s: float = 0.008
    jpeg_quality: int = 88

    @property
    def facts(self) -> dict[str, object]:
        """What is written about this sensor into a data set, JSON values only."""
        facts: dict[str, object] = asdict(self)
        return facts | {"view_gains": dict(self.view_gains), "white_balance": list(self.white_balance)}

    def exposure_at(self, view: str, time_s: float) -> float:
        """Return the signal of a radiance of 1 in a view at a time, s."""
        return self.exposure * dict(self.view_gains).get(view, 1.0) * 2.0 ** (self.drift_ev * self._wave(time_s))

    def white_balance_at(self, time_s: float) -> tuple[float, float, float]:
        """Return the factors on red, green and blue at a time, s."""
        red, green, blue = self.white_balance
        # Exposure and white balance follow what is seen, but not in step.
        shift = self.drift_white * self._wave(1.7 * time_s)
        return red * (1.0 + shift), green, blue * (1.0 - shift)

    def _wave(self, time_s: float) -> float:
        return math.sin(2.0 * math.pi * time_s / self.drift_period_s + self.drift_phase)


def plain_sensor() -> Sensor:
    """Return the average of `make_sensor`'s sensors: what the live wearer is seen with."""
    return Sensor()


def make_sensor(rng: np.random.Generator) -> Sensor:
    """Return a random sensor, not yet exposed (see `exposure.expose`).

    The ranges cover action cameras and headset cameras from daylight to dim rooms; they are chosen, not measured.
    """
    return Sensor(
        exposure_bias_ev=float(np.clip(rng.normal(0.0, 0.35), -0.9, 0.9)),
        own_metering=float(rng.uniform(0.0, 1.0)),
        drift_ev=float(rng.uniform(0.0, 0.12)),
        drift_white=float(rng.uniform(0.0, 0.02)),
        drift_period_s=float(rng.uniform(4.0, 20.0)),
        drift_phase=float(rng.uniform(0.0, 2.0 * np.pi)),
        white_balance=_white_balance(rng),
        saturation=float(rng.uniform(0.75, 1.25)),
        contrast=float(rng.uniform(-0.1, 0.3)),
        glare=float(rng.uniform(0.0, 0.05)),
        vignetting=float(rng.uniform(0.1, 0.6)),
        vignetting_power=float(rng.uniform(2.0, 4.0)),
        edge_softness=float(rng.uniform(0.004, 0.03)),
        defocus_px=(defocus_px := float(rng.uniform(0.3, 1.5))),
        edge_defocus_px=defocus_px * float(rng.uniform(1.0, 2.0)),
        electrons=_log_uniform(rng, 200.0, 8000.0),
        read_electrons=float(rng.uniform(2.0, 6.0)),
        shutter_s=_log_uniform(rng, 0.002, 0.020),
        jpeg_quality=int(rng.integers(70, 98)),
    )


def _white_balance(rng: np.random.Generator) -> tuple[float, float, float]:
    """Colour temperature is missed by more than tint, which is green against the others."""
    warmth, tint = np.clip(rng.normal(0.0, (0.07, 0.025)), -0.2, 0.2)
    return float(np.exp(warmth - tint)), float(np.exp(tint)), float(np.exp(-warmth - tint))


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
