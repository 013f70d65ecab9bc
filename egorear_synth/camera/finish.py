"""From the light that comes to a lens to the bytes of an image's pixels, on the processor."""

from dataclasses import dataclass

import numpy as np

from egorear_synth.arrays import Bytes, Floats32
from egorear_synth.camera.develop import add_noise, develop
from egorear_synth.camera.optics import through_lens
from egorear_synth.camera.rays import ViewRays
from egorear_synth.camera.sensor import Sensor


@dataclass(frozen=True, eq=False)
class ViewCamera:
    """The camera of one view at one moment.

    Attributes:
        sensor: the camera.
        view: name of the view.
        calibrated_width: of the image in which `sensor` counts pixels, px.
        time_s: middle of the exposure, s.
    """

    sensor: Sensor
    view: str
    calibrated_width: int
    time_s: float

    @property
    def exposure(self) -> float:
        """Signal, 1 being white, of a radiance of 1."""
        return self.sensor.exposure_at(self.view, self.time_s)

    def pooled(self, width: int) -> float:
        """Return how many pixels of the sensor are averaged in one of an image."""
        return (self.calibrated_width / width) ** 2


def finish(light: Floats32, rays: ViewRays, camera: ViewCamera, rng: np.random.Generator) -> Bytes:
    """Return the (M, 3) sRGB values of the (M, 3) light of the pixels of `rays`; `rng` decides the noise."""
    signal = through_lens(light, rays, camera.sensor, camera.calibrated_width)
    signal *= np.float32(camera.exposure)
    add_noise(signal, camera.sensor, camera.pooled(rays.width), rng)
    return develop(signal, camera.sensor, camera.time_s)
