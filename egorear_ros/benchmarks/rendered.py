"""Frames that mean something to a trained network: people whom the synthetic wearer shows."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from egorear_ros.structures import Frame, Rig

MOMENTS = 8
"""Of one wearer; more frame sets are of more wearers."""

STEP_S = 1.3
OVERSIZE = 2
"""Frames are that many times as large as the network's input, as a camera's are larger."""


def rendered_images(rig: Rig, image_size: int, count: int, seed: int) -> NDArray[np.float32]:
    """Return (count, V, 3, image_size, image_size) network input: moments of wearers that depend on the seed alone.

    Raises:
        SourceError: the renderer is not installed.
    """
    wearers = -(-count // MOMENTS)
    sets = [_of_one_wearer(rig, image_size, seed + number) for number in range(wearers)]
    return np.concatenate(sets)[:count]


@lru_cache(maxsize=8)
def _of_one_wearer(rig: Rig, image_size: int, seed: int) -> NDArray[np.float32]:
    from egorear_ros.config import SourceConfig
    from egorear_ros.estimators.preprocessor import Preprocessor
    from egorear_ros.sources.wearer import shared_wearer

    wearer, prepare = shared_wearer(rig, SourceConfig(seed=seed)), Preprocessor(rig, image_size)
    sets = []
    for moment in range(MOMENTS):
        frames = {}
        for camera in rig.cameras:
            shortest = min(camera.lens.width, camera.lens.height)
            width, height = (
                round(OVERSIZE * image_size * side / shortest) for side in (camera.lens.width, camera.lens.height)
            )
            pixels = wearer.render(camera.view, moment * STEP_S, width, height)
            frames[camera.view] = Frame(camera.view, 0, "rgb8", pixels)
        sets.append(prepare.array(frames)[0])
    return np.stack(sets)
