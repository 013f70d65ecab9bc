"""A motion capture clip as every reader returns it."""

from dataclasses import dataclass

from egorear_ros.structures import FloatArray


class ClipError(ValueError):
    """A motion clip is missing, damaged, or of a skeleton that is no person's."""


@dataclass(frozen=True, eq=False)
class Clip:
    """Movement of a recorded skeleton, in its file's own axes and unit of length.

    Attributes:
        source: the file, named in errors.
        rate_hz: frames per second.
        joint_names: J names, parents first; the first is the root.
        parents: J indices; the root is its own parent.
        rest_heads: (J, 3) where each joint's rotation is centred in the zero pose, the root at the origin.
        rest_tails: (J, 3) where each joint's bone ends: at its first child, or as the file says.
        root_positions: (T, 3).
        rotations: (T, J, 3, 3) rotation of each joint's bone from the zero pose to the world.
    """

    source: str
    rate_hz: float
    joint_names: tuple[str, ...]
    parents: tuple[int, ...]
    rest_heads: FloatArray
    rest_tails: FloatArray
    root_positions: FloatArray
    rotations: FloatArray

    @property
    def frame_count(self) -> int:
        """Number of frames, T."""
        return len(self.root_positions)
