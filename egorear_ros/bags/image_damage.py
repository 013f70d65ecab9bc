"""Whether recorded images can be decoded."""

import io

from PIL import Image, UnidentifiedImageError

from egorear_ros.structures import Frame, FrameSet


def image_damage(frames: FrameSet) -> str:
    """Return which image of a set cannot be decoded, and why; empty: all can."""
    return next((words for frame in frames.frames.values() if (words := _damage(frame))), "")


def _damage(frame: Frame) -> str:
    if not isinstance(frame.data, bytes):
        return ""
    try:
        image = Image.open(io.BytesIO(frame.data), formats=[frame.encoding.upper()])
        image.draft(None, (1, 1))  # a JPEG is read whole, but only an eighth of its size is computed
        image.load()
    except UnidentifiedImageError:
        why = "no image of this encoding"  # Pillow names an address in memory
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        why = str(error)
    else:
        return ""
    return f"{frame.view}: damaged {frame.encoding} image at {frame.stamp_ns} ns ({why})"
