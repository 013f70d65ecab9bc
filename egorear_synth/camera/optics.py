"""What the lens does to light beside bending it: vignetting, the image circle's edge, glare and defocus."""

import cv2
import numpy as np

from egorear_synth.arrays import Floats32
from egorear_synth.camera.rays import ViewRays
from egorear_synth.camera.sensor import Sensor

SHARP_PX = 0.2
"""A blur of a smaller standard deviation changes nothing that can be seen, px of the image made."""


def transmission(radius: Floats32, sensor: Sensor) -> Floats32:
    """Return the (M,) share of light that passes at an image radius, 1 being the edge of the field of view."""
    lost = np.float32(sensor.vignetting) * radius ** np.float32(sensor.vignetting_power)
    if sensor.edge_softness <= 0.0:
        return np.asarray(np.float32(1.0) - lost)
    inwards = np.clip((1.0 - radius) / np.float32(sensor.edge_softness), 0.0, 1.0)
    return np.asarray((np.float32(1.0) - lost) * inwards * inwards * (np.float32(3.0) - np.float32(2.0) * inwards))


def through_lens(light: Floats32, rays: ViewRays, sensor: Sensor, calibrated_width: int) -> Floats32:
    """Return the (M, 3) light behind the lens: blurred, veiled by glare, and darker towards the edge.

    Args:
        light: (M, 3) linear, of the pixels of `rays`.
        rays: which pixels these are.
        sensor: the lens's faults.
        calibrated_width: of the image in which `sensor` counts pixels, px.
    """
    scale = rays.width / calibrated_width
    centre_px, edge_px = scale * sensor.defocus_px, scale * sensor.edge_defocus_px
    if max(centre_px, edge_px) >= SHARP_PX:
        light = _defocused(light, rays, centre_px, edge_px)
    veil = np.float32(sensor.glare) * light.mean(axis=0, dtype=np.float64).astype(np.float32)
    behind = light * np.float32(1.0 - sensor.glare)
    behind += veil
    behind *= transmission(rays.radius, sensor)[:, None]
    return behind


def _defocused(light: Floats32, rays: ViewRays, centre_px: float, edge_px: float) -> Floats32:
    flat = np.zeros((rays.height * rays.width, 4), dtype=np.float32)
    flat[rays.places, :3] = light
    # The fourth channel says how much of a blurred pixel comes from inside the image circle.
    flat[rays.places, 3] = 1.0
    image = flat.reshape(rays.height, rays.width, 4)
    sharp, soft = (_gaussian(image, sigma_px).reshape(-1, 4)[rays.places] for sigma_px in (centre_px, edge_px))
    # Between them, the mixture of both has the blur's variance between theirs.
    share = (rays.radius * rays.radius)[:, None]
    mixed = sharp + share * (soft - sharp)
    return np.asarray(mixed[:, :3] / mixed[:, 3:])


def _gaussian(image: Floats32, sigma_px: float) -> Floats32:
    if sigma_px < SHARP_PX:
        return image
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE), dtype=np.float32)
