"""One photograph: rays through the real lens, spread over pixel and exposure, then everything a camera does to light.

Light is averaged before anything that is not linear. Everything random comes from the caller's generator, so that the
same generator gives the same bytes in whatever thread or process.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from egorear_synth.arrays import Floats32
from egorear_synth.camera.develop import add_noise, develop
from egorear_synth.camera.optics import through_lens
from egorear_synth.camera.rays import jitter, strata, view_rays
from egorear_synth.camera.sensor import Sensor
from egorear_synth.camera.shutter import moments
from egorear_synth.renderer import render_rays

if TYPE_CHECKING:
    from egorear_synth.wearer import Wearer

BLOCK_RAYS = 32768
"""Blocks that fit the processor's cache are much faster than a large image at once."""


def photograph(
    wearer: "Wearer",
    view: str,
    time_s: float,
    width: int,
    height: int,
    sensor: Sensor,
    rng: np.random.Generator,
    samples: int = 2,
) -> NDArray[np.uint8]:
    """Return the (height, width, 3) RGB photograph of a view; black outside its image circle.

    Args:
        wearer: the scene.
        view: name of the view.
        time_s: middle of the exposure, s.
        width: px.
        height: px.
        sensor: the camera; `exposure.expose` sets its exposure.
        rng: decides noise and where within its pixel each ray goes; see `frame_rng`.
        samples: `samples` x `samples` rays per pixel. 1 also means no motion blur.

    Raises:
        KeyError: the rig has no such view.
        ValueError: another aspect ratio than the calibrated one, or no sample.
    """
    if samples < 1:
        raise ValueError(f"samples is {samples}; expected 1 or more, for samples x samples rays per pixel.")
    lens = wearer.rig[view].lens
    rays = view_rays(lens, width, height)
    times = moments(wearer, time_s, sensor.shutter_s, width, samples)
    light = gather_light(wearer, view, times, width, height, samples, rng)
    signal = through_lens(light, rays, sensor, lens.width)
    signal *= np.float32(sensor.exposure_at(view, time_s))
    add_noise(signal, sensor, (lens.width / width) ** 2, rng)
    image = np.zeros((height * width, 3), dtype=np.uint8)
    image[rays.places] = develop(signal, sensor, time_s)
    return image.reshape(height, width, 3)


def gather_light(
    wearer: "Wearer",
    view: str,
    times: Sequence[float],
    width: int,
    height: int,
    samples: int,
    rng: np.random.Generator,
) -> Floats32:
    """Return the (M, 3) mean radiance of the pixels of `rays.view_rays`, linear.

    Args:
        wearer: the scene.
        view: name of the view.
        times: moments over which the rays of each pixel are spread, s.
        width: px.
        height: px.
        samples: `samples` x `samples` rays per pixel.
        rng: decides where within its pixel each ray goes.
    """
    camera = wearer.rig[view]
    rays = view_rays(camera.lens, width, height)
    seen = [(wearer.scene_at(time), wearer.pose_at(time).T_world_device @ camera.T_device_camera) for time in times]
    light = np.zeros((len(rays.places), 3), dtype=np.float32)
    spread = rays.spread / samples
    for stratum in strata(samples):
        scene, T_world_camera = seen[_moment(stratum, samples, len(seen))]
        offsets = jitter(rng, stratum, samples, len(light))
        for begin in range(0, len(light), BLOCK_RAYS):
            part = slice(begin, begin + BLOCK_RAYS)
            directions = rays.directions(part, None if offsets is None else offsets[:, part], T_world_camera[:3, :3])
            light[part] += render_rays(scene, wearer.place, T_world_camera[:3, 3], directions, spread)
    light *= np.float32(1.0 / samples**2)
    return light


def _moment(stratum: tuple[int, int], samples: int, count: int) -> int:
    """Return the moment of a part of the pixel, such that each moment sees all sides of it."""
    column, row = stratum
    return (row + column) % count if count <= samples else (row * samples + column) % count


def frame_rng(seed: int, frame: int, view: int) -> np.random.Generator:
    """Return the generator of one photograph: it depends on the sequence's seed, frame and view alone."""
    return np.random.default_rng([seed, frame, view])


def encode_jpeg(image: NDArray[np.uint8], sensor: Sensor) -> bytes:
    """Return the JPEG file of an (H, W, 3) RGB image.

    Raises:
        ValueError: the encoder refuses.
    """
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, sensor.jpeg_quality])
    if not done:
        raise ValueError(f"OpenCV could not encode an image of {image.shape} as JPEG of quality {sensor.jpeg_quality}.")
    return data.tobytes()
