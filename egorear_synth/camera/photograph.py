"""One photograph: rays through the real lens, spread over pixel and exposure, then everything a camera does to light.

Light is averaged before anything that is not linear. Everything random comes from the caller's generator, so that the
same generator gives the same bytes in whatever thread or process.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from egorear_synth.arrays import Floats32
from egorear_synth.camera.finish import ViewCamera
from egorear_synth.camera.rays import view_rays
from egorear_synth.camera.sensor import Sensor
from egorear_synth.camera.shutter import moments
from egorear_synth.rendering import Exposure, Shot

if TYPE_CHECKING:
    from egorear_synth.wearer import Wearer


@dataclass(frozen=True, eq=False)
class Frame:
    """One photograph to be made.

    Attributes:
        view: name of the view.
        width: px.
        height: px.
        rng: decides noise and where within its pixel each ray goes; see `frame_rng`.
    """

    view: str
    width: int
    height: int
    rng: np.random.Generator


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
    return photographs(wearer, [Frame(view, width, height, rng)], time_s, sensor, samples)[0]


def photographs(
    wearer: "Wearer", frames: Sequence[Frame], time_s: float, sensor: Sensor, samples: int = 2
) -> list[NDArray[np.uint8]]:
    """Return photographs of the same moment; see `photograph`.

    A GPU makes the views of a rig faster together than one by one; the images are the same.

    Raises:
        KeyError: the rig has no such view.
        ValueError: another aspect ratio than the calibrated one, or no sample.
    """
    if samples < 1:
        raise ValueError(f"samples is {samples}; expected 1 or more, for samples x samples rays per pixel.")
    images = {}
    # How many moments it takes depends on the width.
    for width in dict.fromkeys(frame.width for frame in frames):
        group = [frame for frame in frames if frame.width == width]
        exposure = _exposure(wearer, group, moments(wearer, time_s, sensor.shutter_s, width, samples), samples)
        cameras = [ViewCamera(sensor, frame.view, wearer.rig[frame.view].lens.width, time_s) for frame in group]
        for frame, shot, values in zip(group, exposure.shots, wearer.photographs(exposure, cameras), strict=True):
            image = np.zeros((frame.height * frame.width, 3), dtype=np.uint8)
            image[shot.rays.places] = values
            images[frame] = image.reshape(frame.height, frame.width, 3)
    return [images[frame] for frame in frames]


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
    return gather_lights(wearer, [Frame(view, width, height, rng)], times, samples)[0]


def gather_lights(wearer: "Wearer", frames: Sequence[Frame], times: Sequence[float], samples: int) -> list[Floats32]:
    """Return the light of several views; see `gather_light`."""
    return wearer.light(_exposure(wearer, frames, times, samples))


def _exposure(wearer: "Wearer", frames: Sequence[Frame], times: Sequence[float], samples: int) -> Exposure[Any]:
    device = [wearer.pose_at(time).T_world_device for time in times]
    shots = []
    for frame in frames:
        camera = wearer.rig[frame.view]
        rays = view_rays(camera.lens, frame.width, frame.height)
        shots.append(Shot(rays, tuple(T @ camera.T_device_camera for T in device), frame.rng))
    return Exposure(tuple(wearer.scene_at(time) for time in times), samples, tuple(shots))


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
