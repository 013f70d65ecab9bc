"""From light on the sensor to the numbers of an image: noise, white balance, saturation, tone."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from egorear_synth.arrays import Floats32
from egorear_synth.camera.sensor import RAW_GAINS, Sensor
from egorear_synth.tone import srgb

TONE_STEPS = 4096

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
"""Shares of linear red, green and blue in the luminance of sRGB (Rec. 709)."""


def noise_variance(signal: Floats32, sensor: Sensor, pooled: float) -> Floats32:
    """Return the (M, 3) variance of a signal's noise, 1 being white: shot noise and read noise.

    Args:
        signal: (M, 3), 1 being white, before white balance; negative counts as dark.
        sensor: electrons and read noise.
        pooled: pixels of the sensor that are averaged in one of the image.
    """
    shot, read = noise_factors(sensor, pooled)
    return np.asarray(np.maximum(signal, 0.0) * shot + read)


def noise_factors(sensor: Sensor, pooled: float) -> tuple[Floats32, Floats32]:
    """Return the variance of red, green and blue per signal, (3,), and without light, (3,); see `noise_variance`."""
    gains = np.array(RAW_GAINS)
    shot = (gains / (sensor.electrons * pooled)).astype(np.float32)
    return shot, ((sensor.read_electrons * gains / sensor.electrons) ** 2 / pooled).astype(np.float32)


def add_noise(signal: Floats32, sensor: Sensor, pooled: float, rng: np.random.Generator) -> None:
    """Add noise to an (M, 3) signal in place; see `noise_variance`."""
    # A normal distribution is as good as Poisson's from some ten electrons on, below which read noise covers both.
    noise = rng.standard_normal(signal.shape, dtype=np.float32)
    noise *= np.sqrt(noise_variance(signal, sensor, pooled))
    signal += noise


def develop(signal: Floats32, sensor: Sensor, time_s: float) -> NDArray[np.uint8]:
    """Return the (M, 3) sRGB values of a signal, 1 being white."""
    # Columns as rows: (3, M) is much faster to multiply than (M, 3).
    colours = colour_matrix(sensor, time_s) @ np.ascontiguousarray(signal.T)
    colours *= np.float32(TONE_STEPS - 1)
    np.clip(colours, 0.0, TONE_STEPS - 1, out=colours)
    return np.ascontiguousarray(tone_table(sensor.contrast)[colours.astype(np.uint16)].T)


def colour_matrix(sensor: Sensor, time_s: float) -> Floats32:
    """Return the (3, 3) matrix from the signal to linear sRGB at a time, s: white balance, then saturation."""
    return (_saturation(sensor.saturation) * np.array(sensor.white_balance_at(time_s))).astype(np.float32)


def _saturation(saturation: float) -> NDArray[np.float64]:
    """Return the (3, 3) matrix that moves colours from or towards grey of the same luminance."""
    return saturation * np.eye(3) + (1.0 - saturation) * np.tile(LUMINANCE, (3, 1))


@lru_cache(maxsize=64)
def tone_table(contrast: float) -> NDArray[np.uint8]:
    """Return the value of each of `TONE_STEPS` signals: sRGB, then an S-curve that keeps black, middle and white."""
    value = srgb(np.arange(TONE_STEPS) / (TONE_STEPS - 1))
    curved = value + contrast * value * (1.0 - value) * (2.0 * value - 1.0)
    return np.round(255 * np.clip(curved, 0.0, 1.0)).astype(np.uint8)
