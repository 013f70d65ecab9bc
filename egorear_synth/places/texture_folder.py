"""The user's own textures: a folder of images."""

from collections import OrderedDict
from pathlib import Path

import numpy as np
from PIL import Image

from egorear_ros.structures import FloatArray
from egorear_synth.places.texture import LINEAR_OF_SRGB, MAX_SIZE, Texture, make_texture

KEPT_TEXTURES = 16
"""Decoded images kept in memory, at most 4 MB each."""


class TextureError(ValueError):
    """A folder of textures has none, or one that cannot be read."""


class TextureFolder:
    """Images of a folder and the folders in it, read when they are first asked for.

    The newest `KEPT_TEXTURES` stay in memory. Files that are no images by their name are left alone.

    Args:
        folder: where the images are.

    Raises:
        TextureError: no such folder, no images in it, or one of them is damaged at its beginning.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise TextureError(f"{folder}: no such folder of textures.")
        known = Image.registered_extensions()
        self.folder = folder
        self.paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in known and path.is_file())
        if not self.paths:
            raise TextureError(
                f"{folder}: no images in this folder of textures; expected JPEG, PNG or another format of Pillow's."
            )
        for path in self.paths:
            try:
                Image.open(path).close()
            except (OSError, ValueError, Image.DecompressionBombError) as error:
                raise _unreadable(path, error) from error
        self._kept: OrderedDict[Path, Texture] = OrderedDict()

    def __len__(self) -> int:
        return len(self.paths)

    def texture(self, index: int, width_m: float) -> Texture:
        """Return an image as a texture.

        Args:
            index: which, in the order of `paths`.
            width_m: width of one repeat; the height follows from the image's shape.

        Raises:
            TextureError: the image is damaged.
        """
        path = self.paths[index]
        if path not in self._kept:
            self._kept[path] = self._read(path)
            while len(self._kept) > KEPT_TEXTURES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(path)
        kept = self._kept[path]
        return Texture(kept.name, kept.levels, (width_m, width_m * kept.size_m[1]))

    def _read(self, path: Path) -> Texture:
        """Return an image as a texture of a width of 1 m."""
        try:
            with Image.open(path) as image:
                image.draft("RGB", (MAX_SIZE, MAX_SIZE))
                width, height = image.size
                size = min(MAX_SIZE, 1 << (max(width, height) - 1).bit_length())
                pixels = np.asarray(_eight_bits(image).resize((size, size), Image.Resampling.BICUBIC))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise _unreadable(path, error) from error
        linear: FloatArray = LINEAR_OF_SRGB[pixels]
        return make_texture(path.relative_to(self.folder).as_posix(), linear, (1.0, height / width))


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # Pillow cuts 16-bit greys off at 255 instead of scaling them.
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    return image.convert("RGB")


def _unreadable(path: Path, error: Exception) -> TextureError:
    return TextureError(f"{path}: this texture cannot be read ({error}). Repair it or take it out of the folder.")
