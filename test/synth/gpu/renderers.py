"""The two renderers of one scene, and what is asked of both."""

from typing import Any

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.arrays import Floats32
from egorear_synth.camera.rays import ViewRays
from egorear_synth.place import Place
from egorear_synth.places.light import Light
from egorear_synth.renderer import EmbreeRenderer
from egorear_synth.rendering import WARP, Exposure, RendererChoice, Shot
from egorear_synth.wearer import Wearer

SUN = Light(np.array([0.0, 0.6, 0.8], np.float32), False, 0.0, np.array([0.9, 0.8, 0.7], np.float32))
LAMP = Light(np.array([0.9, -1.0, 2.6], np.float32), True, 0.0, np.array([3.0, 4.0, 5.0], np.float32))


def both(wearer: Wearer, place: Place, device: str) -> tuple[EmbreeRenderer, Any]:
    """The two renderers of a wearer in a place: the one to trust and the one to test."""
    return (
        EmbreeRenderer(wearer.body, wearer._face_colours, place),
        RendererChoice(WARP, device).make(wearer.body, wearer._face_colours, place),
    )


def along(renderer: Any, posed: Any, origin: FloatArray, directions: Floats32, spread: float = 0.01) -> Floats32:
    """Return the (M, 3) light along rays from one point, through the same door as photographs."""
    count, nothing = len(directions), np.zeros((3, len(directions)), np.float32)
    centres = np.ascontiguousarray(directions.T)
    rays = ViewRays(count, 1, np.arange(count, dtype=np.int32), centres, nothing, nothing, nothing[0], spread)
    T_world_camera = np.eye(4)
    T_world_camera[:3, 3] = origin
    shot = Shot(rays, (T_world_camera,), np.random.default_rng(0))
    light: list[Floats32] = renderer.light(Exposure((posed,), 1, (shot,)))
    return light[0]


def ball(count: int, seed: int = 0) -> Floats32:
    """Return (count, 3) directions to all sides."""
    rays = np.random.default_rng(seed).normal(size=(count, 3))
    return (rays / np.linalg.norm(rays, axis=1, keepdims=True)).astype(np.float32)
