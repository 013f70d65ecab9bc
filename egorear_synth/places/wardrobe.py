"""Which textures a place shows: procedural ones, or the user's own."""

from collections.abc import Callable, Sequence

import numpy as np

from egorear_synth.places.surfaces import Look
from egorear_synth.places.texture import Texture
from egorear_synth.places.texture_folder import TextureFolder

Pattern = Callable[[np.random.Generator], Texture]

OWN_SHARE = 0.5
"""Of the surfaces that show one of the user's textures, where there are any."""


class Wardrobe:
    """Looks for the surfaces of one place.

    Args:
        rng: chooses.
        folder: the user's own textures.
    """

    def __init__(self, rng: np.random.Generator, folder: TextureFolder | None) -> None:
        self._rng, self._folder = rng, folder
        self.names: list[str] = []

    def pick(self, patterns: Sequence[Pattern], width_m: float = 1.5) -> Look:
        """Return a random look.

        Args:
            patterns: one of these, unless it is one of the user's textures.
            width_m: of one repeat of a user's texture.
        """
        if self._folder is not None and self._rng.random() < OWN_SHARE:
            width_m *= self._rng.uniform(0.6, 1.6)
            texture = self._folder.texture(int(self._rng.integers(len(self._folder))), width_m)
        else:
            texture = patterns[int(self._rng.integers(len(patterns)))](self._rng)
        self.names.append(texture.name)
        return Look(texture)

    def shade(self, look: Look) -> Look:
        """Return a look in a slightly different shade."""
        red, green, blue = (self._rng.uniform(0.75, 1.15) * self._rng.uniform(0.94, 1.06, 3)).tolist()
        return Look(look.texture, (red, green, blue), look.glow)
