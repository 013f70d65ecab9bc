"""What can be said about an encoded image without decoding it."""

import io
from dataclasses import dataclass

from PIL import Image, UnidentifiedImageError

from egorear_ros.sources.base import SourceError

_ENCODINGS = {"JPEG": "jpeg", "MPO": "jpeg", "PNG": "png"}


@dataclass(frozen=True)
class ImageHeader:
    """Encoding as in `structures.Frame`, and size in px."""

    encoding: str
    width: int
    height: int


def read_header(data: bytes, what: str) -> ImageHeader:
    """Return the encoding and size of a JPEG or PNG; pixels are not decoded.

    Args:
        data: the file's bytes.
        what: names the image in errors.

    Raises:
        SourceError: empty, not an image, of another format, or cut off.
    """
    if not data:
        raise SourceError(f"{what} is empty; expected a JPEG or PNG image. Copy or record it again.")
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
            header = ImageHeader(_ENCODINGS[image.format or ""], image.width, image.height)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, KeyError) as error:
        raise SourceError(f"{what} is not a readable JPEG or PNG image ({len(data)} bytes). Copy it again.") from error
    if is_cut_off(data, header.encoding):
        raise SourceError(f"{what} is cut off after {len(data)} bytes. Copy or record it again.")
    return header


def is_cut_off(data: bytes, encoding: str) -> bool:
    """Whether the end marker of a JPEG or PNG is missing."""
    if encoding == "png":
        return data.rfind(b"IEND") < 0
    # Entropy-coded data never contains 0xFFD9, so an end marker after the last scan header is the end.
    return data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda")
