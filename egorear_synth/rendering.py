"""What a photograph needs of a renderer, and which renderers there are.

Both find what rays meet and how it is lit, from the same scene, rays, light model and random numbers; camera and sensor
are common. Embree does so on the processor, Warp on a GPU, or on the processor where its kernels are tested.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.arrays import Bytes, Floats32
from egorear_synth.camera.finish import ViewCamera
from egorear_synth.camera.rays import ViewRays, jitter, strata
from egorear_synth.shading import BodyHits

if TYPE_CHECKING:
    from egorear_synth.body import Body
    from egorear_synth.place import Place


class RendererError(RuntimeError):
    """A renderer is not known, not installed, or lacks its device."""


class PosedBody(Protocol):
    """A body in a pose, ready for rays."""

    @property
    def vertices(self) -> Floats32:
        """(N, 3) world, m."""

    def first_hits(self, origins: Floats32, directions: Floats32, nearer_than: Floats32 | None = None) -> BodyHits:
        """Return the first hits of (M, 3) rays with unit directions, if wanted only those nearer than (M,) m."""


B = TypeVar("B")


@dataclass(frozen=True, eq=False)
class Shot:
    """One view while the shutter is open.

    Attributes:
        rays: of its M pixels.
        T_world_camera: (4, 4) at each moment of the exposure.
        rng: decides where within its pixel each ray goes.
    """

    rays: ViewRays
    T_world_camera: tuple[FloatArray, ...]
    rng: np.random.Generator


@dataclass(frozen=True, eq=False)
class Exposure(Generic[B]):
    """All views that are photographed at once.

    Attributes:
        bodies: the posed body at each moment, by the renderer that is asked for the light.
        samples: `samples` x `samples` rays per pixel, which are spread evenly over the moments.
        shots: the views.
    """

    bodies: tuple[B, ...]
    samples: int
    shots: tuple[Shot, ...]

    def passes(self, shot: Shot) -> Iterator[tuple[int, Floats32 | None]]:
        """Yield the moment and the (2, M) places of the rays in each part of a shot's pixels; see `rays.jitter`."""
        for column, row in strata(self.samples):
            index = row + column if len(self.bodies) <= self.samples else row * self.samples + column
            # So each moment sees all sides of the pixel.
            yield index % len(self.bodies), jitter(shot.rng, (column, row), self.samples, len(shot.rays.places))


class Renderer(Protocol[B]):
    """One dressed body in one place."""

    def pose(self, T_world_rest: FloatArray) -> B:
        """Return the body posed by the (B, 4, 4) transforms of its bones, see `skinning.bone_transforms`."""

    def light(self, exposure: Exposure[B]) -> list[Floats32]:
        """Return the (M, 3) mean radiance of each shot's pixels, linear."""

    def photographs(self, exposure: Exposure[B], cameras: Sequence[ViewCamera]) -> list[Bytes]:
        """Return the (M, 3) sRGB values of each shot's pixels, through its camera; see `finish.finish`."""


EMBREE, WARP = "embree", "warp"
DEVICES = {EMBREE: ("cpu",), WARP: ("cuda", "cpu")}
"""Where each renderer runs; the first is taken if none is named."""


@dataclass(frozen=True)
class RendererChoice:
    """Which renderer makes images, and where.

    Images of two renderers, and of two devices, differ in their last digits, so that the choice is never left to what
    the machine happens to have.

    Attributes:
        name: a key of `DEVICES`.
        device: one of its devices; empty: the first.

    Raises:
        RendererError: there is no such renderer, or it does not run there.
    """

    name: str = EMBREE
    device: str = ""

    def __post_init__(self) -> None:
        if self.name not in DEVICES:
            raise RendererError(f"there is no renderer {self.name!r}; expected {' or '.join(DEVICES)}.")
        if not self.device:
            object.__setattr__(self, "device", DEVICES[self.name][0])
        if self.device not in DEVICES[self.name]:
            expected = " or ".join(DEVICES[self.name])
            other = f" Only --renderer {WARP} runs on a GPU." if self.name == EMBREE else ""
            raise RendererError(f"renderer {self.name} does not run on {self.device!r}; expected {expected}.{other}")

    def check(self) -> dict[str, str]:
        """Return versions and device, which images depend on.

        Raises:
            RendererError: it is not installed, or this machine has no such device.
        """
        if self.name == WARP:
            from egorear_synth.gpu.device import device_facts

            return device_facts(self.device)
        return {}

    def make(self, body: "Body", face_colours: Floats32, place: "Place") -> Renderer[Any]:
        """Return a renderer of a body in a place.

        Args:
            body: dressed, with the rig on.
            face_colours: (F, 3) linear RGB of its faces.
            place: everything else.

        Raises:
            RendererError: it is not installed, or this machine has no such device.
        """
        if self.name == WARP:
            from egorear_synth.gpu.renderer import WarpRenderer

            return WarpRenderer(body, face_colours, place, self.device)
        from egorear_synth.renderer import EmbreeRenderer

        return EmbreeRenderer(body, face_colours, place)


ON_PROCESSOR = RendererChoice()
