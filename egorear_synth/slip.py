"""How a rig slips on the head: a slow, smooth, bounded random movement."""

from dataclasses import dataclass

import numpy as np

from egorear_ros.structures import FloatArray

WAVES = 7
SLOWEST_HZ, FASTEST_HZ = 0.02, 0.6


@dataclass(frozen=True, eq=False)
class Slip:
    """Sums of sine waves, defined for every time.

    Attributes:
        frequencies_hz: (K,).
        phases: (K,) rad.
        shifts_m: (K, 3) amplitudes of the translation.
        rotvecs: (K, 3) amplitudes of the rotation, rad.
    """

    frequencies_hz: FloatArray
    phases: FloatArray
    shifts_m: FloatArray
    rotvecs: FloatArray

    def at(self, time_s: float) -> tuple[FloatArray, FloatArray]:
        """Return translation (3,), m, and rotation vector (3,), rad, at a time, s."""
        # Whole turns are taken away first: times may be seconds since 1970.
        wave = np.sin(2 * np.pi * np.mod(self.frequencies_hz * time_s, 1.0) + self.phases)
        return wave @ self.shifts_m, wave @ self.rotvecs


def make_slip(rng: np.random.Generator, largest_m: float, largest_rad: float) -> Slip:
    """Return a random slip that never exceeds a distance and an angle; slow waves are the largest.

    Args:
        rng: decides everything.
        largest_m: bound of the translation, m.
        largest_rad: bound of the rotation, rad.
    """
    frequencies = np.geomspace(SLOWEST_HZ, FASTEST_HZ, WAVES) * rng.uniform(0.8, 1.25, WAVES)
    shares = frequencies**-0.5
    shares /= shares.sum()

    def amplitudes(largest: float) -> FloatArray:
        directions = rng.normal(size=(WAVES, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        # The lengths add up to the bound at most, whatever the phases.
        return largest * rng.uniform(0.3, 1.0) * shares[:, None] * directions

    return Slip(frequencies, rng.uniform(0, 2 * np.pi, WAVES), amplitudes(largest_m), amplitudes(largest_rad))
