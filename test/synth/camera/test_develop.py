from dataclasses import replace

import numpy as np
import pytest

from egorear_synth.camera.develop import LUMINANCE, TONE_STEPS, add_noise, develop, noise_variance
from egorear_synth.camera.sensor import RAW_GAINS, Sensor, plain_sensor
from egorear_synth.tone import srgb, to_srgb

PLAIN = Sensor(contrast=0.0)


def linear(values: np.ndarray) -> np.ndarray:
    """The inverse of the sRGB curve."""
    s = values / 255.0
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)


def flat(*rgb: float, count: int = 4) -> np.ndarray:
    return np.tile(np.array(rgb, dtype=np.float32), (count, 1))


@pytest.mark.parametrize("pooled", [1.0, 11.6])
@pytest.mark.parametrize("level", [0.0, 0.05, 0.6])
def test_noise_has_the_variance_of_electrons(level: float, pooled: float) -> None:
    """Of n electrons the square root of n is noise, to which that of reading comes; averaging divides both."""
    sensor = Sensor(electrons=400.0, read_electrons=5.0)
    signal = flat(level, level, level, count=200_000)
    add_noise(signal, sensor, pooled, np.random.default_rng(0))
    for channel, gain in enumerate(RAW_GAINS):
        # What the amplifier makes 1 of are 400 electrons in green, and fewer by the gain elsewhere.
        full = sensor.electrons / gain
        expected = (level * full + sensor.read_electrons**2) / full**2 / pooled
        assert signal[:, channel].var() == pytest.approx(expected, rel=0.02)
        assert signal[:, channel].mean() == pytest.approx(level, abs=5 * np.sqrt(expected / 200_000))
    correlation = np.corrcoef(signal.T)
    assert np.abs(correlation[~np.eye(3, dtype=bool)]).max() < 0.01
    assert noise_variance(signal, sensor, pooled).min() > 0


def test_noise_is_the_generator_s_alone() -> None:
    made = []
    for seed in (1, 1, 2):
        signal = flat(0.2, 0.2, 0.2, count=50)
        add_noise(signal, plain_sensor(), 1.0, np.random.default_rng(seed))
        made.append(signal)
    np.testing.assert_array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])


def test_without_faults_developing_is_srgb() -> None:
    signal = np.random.default_rng(0).uniform(-0.1, 1.1, (5000, 3)).astype(np.float32)
    difference = develop(signal, PLAIN, 0.0).astype(int) - to_srgb(signal)
    assert np.abs(difference).max() <= 1


def test_white_balance_scales_channels_as_said() -> None:
    sensor = replace(PLAIN, white_balance=(1.2, 1.0, 0.8))
    values = develop(flat(0.3, 0.3, 0.3), sensor, 0.0)
    np.testing.assert_allclose(linear(values[0]), [0.36, 0.30, 0.24], rtol=0.02)


def test_saturation_moves_colours_and_keeps_luminance() -> None:
    colour = flat(0.5, 0.2, 0.1)
    luminance = float(colour[0] @ LUMINANCE)
    for saturation in (0.0, 0.7, 1.2):
        found = linear(develop(colour, replace(PLAIN, saturation=saturation), 0.0)[0])
        assert found @ LUMINANCE == pytest.approx(luminance, rel=0.02)
        np.testing.assert_allclose(found - luminance, saturation * (colour[0] - luminance), atol=0.006)


@pytest.mark.parametrize("contrast", [-0.1, 0.0, 0.3])
def test_tone_curves_rise_and_keep_black_middle_and_white(contrast: float) -> None:
    signal = np.tile(np.linspace(0, 1, TONE_STEPS, dtype=np.float32)[:, None], 3)
    values = develop(signal, replace(PLAIN, contrast=contrast), 0.0)[:, 1].astype(int)
    assert (np.diff(values) >= 0).all()
    assert (values[0], values[-1]) == (0, 255)
    middle = int(np.searchsorted(srgb(signal[:, 1].astype(float)), 0.5))
    assert abs(values[middle] - 127.5) < 1.5
    assert (values[middle // 3] < to_srgb(signal)[middle // 3, 1] - 1) == (contrast > 0)
