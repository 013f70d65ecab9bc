import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from egorear_synth.place import Place
from egorear_synth.places.builder import Block, Builder
from egorear_synth.places.light import Light, ambience
from egorear_synth.places.surfaces import Look
from egorear_synth.places.texture import make_texture
from egorear_synth.renderer import EmbreeRenderer
from egorear_synth.wearer import Wearer

# `renderers` and `ray_twin` are helpers of tests, not packages.
sys.path.insert(0, str(Path(__file__).parent))

from renderers import LAMP, SUN, both


@pytest.fixture(
    scope="session", params=[pytest.param("cpu", marks=pytest.mark.warp), pytest.param("cuda", marks=pytest.mark.gpu)]
)
def device(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def pair(wearer: Wearer, yard: Place, device: str) -> tuple[EmbreeRenderer, Any]:
    """Both renderers of a person in the yard."""
    return both(wearer, yard, device)


@pytest.fixture(scope="session")
def yard() -> Place:
    """A tiled floor with a block under a sun and a lamp, both with soft shadows, and clouds above."""
    rng = np.random.default_rng(0)
    tiles = Look(make_texture("tiles", rng.random((64, 64, 3)), (1.0, 0.5)), tint=(0.9, 0.8, 0.7), glow=0.1)
    builder = Builder(rng)
    builder.rectangle(np.array([-20.0, 20, 0]), np.array([40.0, 0, 0]), np.array([0, -40.0, 0]), tiles, False)
    builder.block(Block((0.7, 0.5, 0.4), (0.4, 0.3, 0.8)), tiles)
    lights = tuple(Light(light.position, light.is_lamp, 0.03, light.strength) for light in (SUN, LAMP))
    above, below, horizon, zenith, white = np.array([[0.3] * 3, [0.2] * 3, [0.4] * 3, [0.2, 0.3, 0.5], [0.9] * 3])
    sky = ambience(above, below, horizon, zenith, haze_m=30.0, clouds=(white, 0.6, 0))
    return Place(builder.surfaces(), lights, sky, {})
