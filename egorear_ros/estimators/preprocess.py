"""From a camera's image to a network's input.

Exactly as in training: full-size RGB, resized by Pillow's antialiased bicubic (OpenCV's kernel
differs), normalised by the ImageNet statistics that the backbone was trained with. Faster, and
nearly the same: a JPEG decoded at a half, a quarter or an eighth of its size, then the rest.
"""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from egorear_ros.estimators.base import DamagedImageError, EstimateError
from egorear_ros.models.image_statistics import IMAGE_MEAN, IMAGE_STD
from egorear_ros.structures import Frame, Lens

_FORMATS = {"jpeg": "JPEG", "png": "PNG"}
_PIXEL_SHAPES = {"rgb8": (3,), "bgr8": (3,), "mono8": ()}


@dataclass(frozen=True)
class Decoded:
    """A decoded frame.

    Attributes:
        image: RGB; smaller than the camera's if a JPEG was decoded at reduced scale.
        size: (width, height) of the camera's image, px.
    """

    image: Image.Image
    size: tuple[int, int]


def decode_frame(frame: Frame, lens: Lens) -> Image.Image:
    """Return a frame as an RGB image of the calibrated aspect ratio.

    Raises:
        EstimateError: the image is damaged, of an unknown encoding, or does not fit the lens.
    """
    return decode(frame, lens).image


def decode(frame: Frame, lens: Lens, least_px: int = 0) -> Decoded:
    """Decode a frame, a JPEG at the smallest scale whose width and height are still `least_px`.

    The scales are those that the inverse cosine transform gives at less than full cost: 1/2, 1/4
    and 1/8 (libjpeg-turbo). No lock of Python's is held meanwhile, so views decode in parallel.

    Args:
        frame: as the camera sent it.
        lens: the camera's.
        least_px: 0: full size. Other encodings than JPEG are always decoded at full size.

    Raises:
        EstimateError: the image is damaged, of an unknown encoding, or does not fit the lens.
    """
    if isinstance(frame.data, bytes):
        return _decode(frame, frame.data, lens, least_px)
    image = _from_array(frame, frame.data)
    check_size(frame, image.size, lens)
    return Decoded(image, image.size)


def resize(image: Image.Image, image_size: int) -> NDArray[np.uint8]:
    """Return an (image_size, image_size, 3) uint8 copy."""
    return np.asarray(image.resize((image_size, image_size), Image.Resampling.BICUBIC))


def normalise(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn (..., H, W, 3) uint8 RGB into (..., 3, H, W) network input."""
    scaled = (pixels.astype(np.float32) / np.float32(255.0) - IMAGE_MEAN) / IMAGE_STD
    return np.ascontiguousarray(np.moveaxis(scaled, -1, -3))


def normalise_into(pixels: NDArray[np.uint8], out: NDArray[np.float32]) -> None:
    """Do what `normalise` does with one image, to the bit, without memory of its own.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        out: (3, H, W), overwritten.
    """
    for channel, values in enumerate(_NORMALISED):
        # Every index is in the table; "raise", the default, would make a copy of the output.
        np.take(values, pixels[..., channel], out=out[channel], mode="clip")


# (3, 256): what `normalise` makes of every byte.
_NORMALISED = normalise(np.arange(256, dtype=np.uint8)[:, None, None].repeat(3, axis=-1))[:, :, 0].copy()


def _decode(frame: Frame, data: bytes, lens: Lens, least_px: int) -> Decoded:
    if frame.encoding not in _FORMATS:
        raise EstimateError(f"{frame.view}: {len(data)} bytes of encoding {frame.encoding!r}; expected jpeg or png.")
    try:
        image = Image.open(io.BytesIO(data), formats=[_FORMATS[frame.encoding]])
        size = image.size
        check_size(frame, size, lens)
        if least_px:
            image.draft(None, (least_px, least_px))  # changes nothing if it is no JPEG
        return Decoded(image.convert("RGB"), size)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DamagedImageError(
            f"{frame.view}: damaged {frame.encoding} image ({_why(error)}). "
            "Check this camera's cable and bandwidth if it happens often."
        ) from error


def _why(error: Exception) -> str:
    """Return what is wrong with an image in words that are the same for all images of this damage, to be counted."""
    if isinstance(error, UnidentifiedImageError):
        return "no image of this encoding"  # Pillow names an address in memory
    return str(error).partition(" (")[0] or type(error).__name__  # without the number of bytes


def _from_array(frame: Frame, pixels: NDArray[np.uint8]) -> Image.Image:
    fits = pixels.ndim >= 2 and pixels.shape[2:] == _PIXEL_SHAPES.get(frame.encoding)
    if not fits or pixels.dtype != np.uint8 or pixels.size == 0:
        raise EstimateError(
            f"{frame.view}: an array of shape {pixels.shape} and type {pixels.dtype} as {frame.encoding!r}; "
            "expected uint8 (H, W, 3) as rgb8 or bgr8, or (H, W) as mono8."
        )
    if frame.encoding == "bgr8":
        pixels = pixels[..., ::-1]
    return Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB")


def check_size(frame: Frame, size: tuple[int, int], lens: Lens) -> None:
    """Check that an image has the shape that was calibrated; of another size it is fine, as places are fractions.

    Args:
        frame: for words.
        size: (width, height) of its image, px.
        lens: the camera's.

    Raises:
        EstimateError: the aspect ratio is another one.
    """
    width, height = size
    if abs(width * lens.height - height * lens.width) > 0.5 * max(lens.width, lens.height):
        raise EstimateError(
            f"{frame.view}: the image is {width}x{height} px but the calibration is for {lens.width}x{lens.height}, "
            "another aspect ratio: it was cropped or stretched. Set the camera to that size or recalibrate this view."
        )
