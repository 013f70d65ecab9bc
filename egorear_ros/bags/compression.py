"""Decompression that gives what there is: also of data that was cut off."""

import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
COPY_BYTES = 1 << 20


def decompress(data: bytes, method: str, max_size: int = -1) -> bytes:
    """Return decompressed data, or its beginning where the compressed data end early.

    Args:
        data: one compressed frame, or its beginning.
        method: "zstd", "lz4" (frame format) or "" (nothing to do).
        max_size: decompress no more bytes than this; -1: all.

    Raises:
        ValueError: another method, or damaged data.
    """
    if method == "":
        return data if max_size < 0 else data[:max_size]
    try:
        return bytes(_decompressor(method).decompress(data, max_size))
    except (zstd.ZstdError, RuntimeError, EOFError) as error:
        raise ValueError(f"damaged {method} data: {error}") from None


def decompress_file(source: Path, target: Path) -> str:
    """Decompress a zstd file; return what is wrong with it, or "".

    Raises:
        OSError: the target cannot be written.
    """
    with source.open("rb") as compressed, target.open("wb") as out:
        unpacker = zstd.ZstdDecompressor()
        while data := compressed.read(COPY_BYTES):
            try:
                out.write(unpacker.decompress(data))
            except (zstd.ZstdError, EOFError) as error:
                return f"{source.name}: the compressed data are damaged ({error})."
        return "" if unpacker.eof else f"{source.name}: the compressed data are cut off."


def _decompressor(method: str) -> Any:
    if method == "zstd":
        return zstd.ZstdDecompressor()
    if method == "lz4":
        from lz4.frame import LZ4FrameDecompressor  # type: ignore[import-untyped]

        return LZ4FrameDecompressor()
    raise ValueError(f"compression {method!r} is not known here; expected zstd or lz4")
