"""Put a place's patches together from rectangles, boxes and columns."""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.places.surfaces import Look, PatchTable, Shadow, Surfaces
from egorear_synth.places.texture import Texture


@dataclass(frozen=True)
class Block:
    """An upright box, turned about the vertical.

    Attributes:
        centre: x, y and z of its middle, m.
        size: along its own x, its own y, and upwards, m.
        yaw: angle from the world's x to its own x, rad.
    """

    centre: tuple[float, float, float]
    size: tuple[float, float, float]
    yaw: float = 0.0

    @property
    def axes(self) -> FloatArray:
        """(3, 3): rows are its own axes in the world."""
        c, s = float(np.cos(self.yaw)), float(np.sin(self.yaw))
        return np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])

    def distances(self, points: FloatArray) -> FloatArray:
        """Return (N,) distances of (N, 3) points from the box, m; 0 inside."""
        local = np.abs((points - np.array(self.centre)) @ self.axes.T) - 0.5 * np.array(self.size)
        return np.asarray(np.linalg.norm(np.maximum(local, 0), axis=1))


@dataclass
class Builder:
    """Collects surfaces.

    Attributes:
        rng: shifts textures, so that equal objects do not look equal.
    """

    rng: np.random.Generator
    _corners: list[FloatArray] = field(default_factory=list)
    _patches: list[int] = field(default_factory=list)
    _shadows: list[int] = field(default_factory=list)
    _frames: list[tuple[FloatArray, FloatArray, FloatArray, Look]] = field(default_factory=list)
    _textures: list[Texture] = field(default_factory=list)

    def rectangle(
        self, corner: FloatArray, right: FloatArray, down: FloatArray, look: Look, shadow: Shadow = Shadow.EVERY
    ) -> None:
        """Add a rectangle that shows its front to whoever sees `right` and `down` as such.

        Args:
            corner: (3,) upper left corner, m.
            right: (3,) its upper edge, m.
            down: (3,) its left edge, m.
            look: its surface.
            shadow: which shadows it casts.
        """
        self._patch(corner, right, down, look)
        self._quad(np.stack((corner, corner + right, corner + right + down, corner + down)), shadow)

    def block(self, block: Block, look: Look, shadow: Shadow = Shadow.EVERY) -> None:
        """Add the six faces of a box."""
        axes, half, centre = block.axes, 0.5 * np.array(block.size), np.array(block.centre)
        x, y, z = half[:, None] * axes
        for normal, right in ((x, y), (-x, -y), (y, -x), (-y, x)):
            self.rectangle(centre + normal - right + z, 2 * right, -2 * z, look, shadow)
        for normal, right in ((z, x), (-z, -x)):
            self.rectangle(centre + normal - right + y, 2 * right, -2 * y, look, shadow)

    def scraps(self, corners: FloatArray, right: FloatArray, down: FloatArray, look: Look, shadow: Shadow) -> None:
        """Add small pieces, (Q, 4, 3) m, that all look as if they faced where `right` and `down` are as said."""
        self._patch(corners[0, 0], right, down, look)
        for piece in corners:
            self._quad(piece, shadow)

    def carpet(self, middle: FloatArray, size: FloatArray, yaw: float, look: Look) -> None:
        """Add a level rectangle that looks up and casts no shadow, given its middle, (3,) m, and its size, (2,) m."""
        x, y, _ = Block((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), yaw).axes * np.array([*size, 0.0])[:, None]
        self.rectangle(middle - 0.5 * x + 0.5 * y, x, -y, look, Shadow.NONE)

    def column(self, foot: FloatArray, radius: float, height: float, look: Look, sides: int = 12) -> None:
        """Add an upright prism with a lid.

        Args:
            foot: (3,) middle of its base, m.
            radius: of its corners, m.
            height: m.
            look: its surface.
            sides: an even number.
        """
        angles = 2 * np.pi * np.arange(sides + 1) / sides
        ring = np.stack((np.cos(angles), np.sin(angles), np.zeros_like(angles)), axis=1) * radius + foot
        up = np.array([0.0, 0.0, height])
        for left, right in pairwise(ring):
            self.rectangle(left + up, right - left, -up, look)
        self._patch(foot + up, _X, -_Y, look)
        for index in range(1, sides - 2, 2):
            self._quad(ring[[0, index, index + 1, index + 2]] + up, Shadow.EVERY)

    def surfaces(self) -> Surfaces:
        """Return everything that was added."""
        normals, across, along, looks = zip(*self._frames, strict=True)
        table = PatchTable(
            np.array(normals, dtype=np.float32),
            np.array(across, dtype=np.float32),
            np.array(along, dtype=np.float32),
            np.array([np.sqrt(np.prod(look.texture.size_m)) for look in looks], dtype=np.float32),
            np.array([look.tint for look in looks], dtype=np.float32),
            np.array([look.glow for look in looks], dtype=np.float32),
            np.array([self.show(look.texture) for look in looks], dtype=np.int32),
        )
        patches, shadows = np.array(self._patches, dtype=np.int32), np.array(self._shadows, dtype=np.int32)
        return Surfaces(np.array(self._corners), patches, shadows, table, self._textures)

    def _patch(self, corner: FloatArray, right: FloatArray, down: FloatArray, look: Look) -> None:
        """Begin a plane whose texture lies along `right` and `down`."""
        right, down = right / np.linalg.norm(right), down / np.linalg.norm(down)
        repeat_u, repeat_v = look.texture.size_m
        shift_u, shift_v = self.rng.random(2)
        across, along = np.append(right / repeat_u, 0.0), np.append(down / repeat_v, 0.0)
        across[3], along[3] = shift_u - across[:3] @ corner, shift_v - along[:3] @ corner
        self._frames.append((np.cross(down, right), across, along, look))

    def _quad(self, corners: FloatArray, shadow: Shadow) -> None:
        """Add corners to the plane that was begun last."""
        self._corners.append(corners)
        self._patches.append(len(self._frames) - 1)
        self._shadows.append(shadow)

    def show(self, texture: Texture) -> int:
        """Add a texture, unless it was, and return its index."""
        for index, known in enumerate(self._textures):
            if known is texture:
                return index
        self._textures.append(texture)
        return len(self._textures) - 1


_X, _Y = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
