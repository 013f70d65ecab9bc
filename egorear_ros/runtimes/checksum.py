"""Checksums of kept files: bytes that changed on the disk are noticed before they become poses."""

from hashlib import sha256
from pathlib import Path

CHUNK_BYTES = 1 << 20


def sha256_of(path: Path, size: int | None = None) -> str:
    """Return the hexadecimal SHA-256 of a file, of which only a small part is in memory at a time.

    Args:
        path: the file.
        size: how many of its first bytes count; None: all.

    Raises:
        OSError: it cannot be read.
    """
    digest, left = sha256(), path.stat().st_size if size is None else size
    buffer = memoryview(bytearray(CHUNK_BYTES))
    with path.open("rb", buffering=0) as file:
        while left > 0 and (count := file.readinto(buffer[: min(left, CHUNK_BYTES)])):
            digest.update(buffer[:count])
            left -= count
    return digest.hexdigest()
