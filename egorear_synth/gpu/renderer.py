"""The renderer of `rendering.RendererChoice` on Warp's devices."""

import threading
import weakref
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from egorear_ros.structures import FloatArray
from egorear_synth.arrays import Bytes, Floats32, Ints32
from egorear_synth.camera.finish import ViewCamera
from egorear_synth.camera.rays import ViewRays
from egorear_synth.gpu.device import open_device
from egorear_synth.rendering import Exposure
from egorear_synth.shading import BodyHits
from egorear_synth.skin import Skin

if TYPE_CHECKING:
    from egorear_synth.body import Body
    from egorear_synth.place import Place

KEPT_BATCHES = 8
"""Groups of views of which the rays stay on the device."""


class WarpBody:
    """A posed body on a device; see `rendering.PosedBody`.

    Args:
        mesh: posed, with its tree.
        table: the same for kernels.
        device: where it is.
        lock: of the renderer: Warp's launches come from one thread at a time.
    """

    def __init__(self, mesh: Any, table: Any, device: Any, lock: threading.RLock) -> None:
        self.mesh, self.table, self._device, self._lock = mesh, table, device, lock

    @property
    def vertices(self) -> Floats32:
        """(N, 3) world, m."""
        with self._lock:
            # On the processor this would be a view of what the next pose overwrites.
            return np.array(self.mesh.points.numpy())

    def first_hits(self, origins: Floats32, directions: Floats32, nearer_than: Floats32 | None = None) -> BodyHits:
        """Return the first hits of (M, 3) rays with unit directions, if wanted only those nearer than (M,) m."""
        import warp as wp

        from egorear_synth.gpu.light_kernels import first_hits

        count = len(origins)
        limits = np.full(count, np.finfo(np.float32).max) if nearer_than is None else nearer_than
        # Warp compares with the limit, which must be finite.
        limits = np.minimum(limits, np.finfo(np.float32).max).astype(np.float32)
        with self._lock:
            rays = [wp.array(values, dtype=wp.vec3, device=self._device) for values in (origins, directions)]
            found = [wp.empty(count, dtype=kind, device=self._device) for kind in (wp.float32, wp.int32)]
            places = wp.zeros(count, dtype=wp.vec2, device=self._device)
            inputs = [self.mesh.id, *rays, wp.array(limits, device=self._device)]
            wp.launch(first_hits, count, inputs=inputs, outputs=[*found, places], device=self._device)
            (distance, face), (u, v) = (values.numpy() for values in found), places.numpy().T
        return BodyHits(distance, face, u, v)


class WarpRenderer:
    """Rays, light and skinning of one dressed body in one place; safe to use from several threads.

    Args:
        body: dressed, with the rig on.
        face_colours: (F, 3) linear RGB of its faces.
        place: everything else.
        device: "cuda" or "cpu".

    Raises:
        RendererError: Warp is not installed, or this machine has no such device.
    """

    def __init__(self, body: "Body", face_colours: Floats32, place: "Place", device: str) -> None:
        self._device = open_device(device)
        import warp as wp

        from egorear_synth.gpu.scene_tables import PlaceOnDevice

        self._lock = threading.RLock()
        self._place = PlaceOnDevice(place, self._device)
        skin, count = Skin(body), len(body.vertices)
        lengths = np.zeros(count, dtype=np.int64)
        lengths[skin.used] = np.diff(np.append(skin.starts, len(skin.adjoining)))
        self._bones = wp.array(skin.bones, dtype=wp.int32, device=self._device)
        self._weights = wp.array(skin.weights, dtype=wp.float32, device=self._device)
        self._adjoining = self._ints(skin.adjoining)
        self._starts = self._ints(np.append(0, np.cumsum(lengths)))
        self._faces = self._ints(body.faces.ravel())
        self._rest = self._vectors(body.vertices)
        self._colours = self._vectors(face_colours)
        self._free: list[tuple[Any, Any]] = []

    def _ints(self, values: Any) -> Any:
        import warp as wp

        return wp.array(np.asarray(values, dtype=np.int32), dtype=wp.int32, device=self._device)

    def _vectors(self, values: Any) -> Any:
        import warp as wp

        return wp.array(np.ascontiguousarray(values, dtype=np.float32), dtype=wp.vec3, device=self._device)

    def pose(self, T_world_rest: FloatArray) -> WarpBody:
        """Return the posed body; see `rendering.Renderer`."""
        import warp as wp

        from egorear_synth.gpu import skin_kernels
        from egorear_synth.gpu.scene_tables import DeviceBody

        rows = np.ascontiguousarray(T_world_rest[:, :3], dtype=np.float32)
        with self._lock:
            mesh, normals = self._free.pop() if self._free else self._new_mesh()
            transforms = wp.array(rows, dtype=wp.vec4, device=self._device)
            count = len(self._rest)
            inputs = [self._rest, self._bones, self._weights, transforms]
            wp.launch(skin_kernels.pose_vertices, count, inputs, [mesh.points], device=self._device)
            inputs = [mesh.points, self._faces, self._adjoining, self._starts]
            wp.launch(skin_kernels.vertex_normals, count, inputs, [normals], device=self._device)
            mesh.refit()
        table = DeviceBody()
        table.mesh, table.faces, table.normals, table.colours = mesh.id, self._faces, normals, self._colours
        posed = WarpBody(mesh, table, self._device, self._lock)
        # The tree of the resting body is built once for each body in use at a time, and fitted to every pose.
        weakref.finalize(posed, self._free.append, (mesh, normals))
        return posed

    def _new_mesh(self) -> tuple[Any, Any]:
        import warp as wp

        points = wp.clone(self._rest)
        return wp.Mesh(points, self._faces, bvh_constructor="sah"), wp.zeros_like(points)

    def light(self, exposure: Exposure[WarpBody]) -> list[Floats32]:
        """Return the (M, 3) mean radiance of each shot's pixels; see `rendering.Renderer`."""
        places = _spread(exposure)
        with self._lock:
            batch = _on_device(tuple(shot.rays for shot in exposure.shots), str(self._device))
            return batch.split(self._gathered(exposure, batch, *places).numpy())

    def photographs(self, exposure: Exposure[WarpBody], cameras: Sequence[ViewCamera]) -> list[Bytes]:
        """Return the (M, 3) sRGB values of each shot's pixels; see `rendering.Renderer`."""
        from egorear_synth.gpu.camera import finish_on_device

        places, views = _spread(exposure), tuple(shot.rays for shot in exposure.shots)
        draws = np.empty((sum(len(rays.places) for rays in views), 3), dtype=np.float32)
        for shot, part in zip(exposure.shots, _parts(exposure), strict=True):
            shot.rng.standard_normal(dtype=np.float32, out=draws[part])
        with self._lock:
            batch = _on_device(views, str(self._device))
            light, noise = self._gathered(exposure, batch, *places), self._vectors(draws)
            return batch.split(finish_on_device(light, noise, batch, views, cameras, self._device).numpy())

    def _gathered(self, exposure: Exposure[WarpBody], batch: "Batch", moments: Ints32, offsets: Floats32) -> Any:
        """Return the light of all pixels on the device; see `_spread` for moments and offsets."""
        import warp as wp

        from egorear_synth.gpu.light_kernels import gather

        places = wp.array(offsets, dtype=wp.float32, device=self._device)
        spreads = np.array([shot.rays.spread / exposure.samples for shot in exposure.shots], dtype=np.float32)
        spread = wp.array(spreads, device=self._device)
        light = wp.zeros(batch.count, dtype=wp.vec3, device=self._device)
        rays = [batch.shot_of, batch.centres, batch.across, batch.down]
        for moment, body in enumerate(exposure.bodies):
            T = np.stack([shot.T_world_camera[moment] for shot in exposure.shots]).astype(np.float32)
            rotations = wp.array(np.ascontiguousarray(T[:, :3, :3]), dtype=wp.mat33, device=self._device)
            inputs = [self._place.table, body.table, *rays, self._vectors(T[:, :3, 3]), rotations, spread]
            inputs += [places, self._ints(np.flatnonzero(moments == moment)), 1.0 / exposure.samples**2]
            wp.launch(gather, batch.count, inputs, [light], device=self._device)
        return light


def _spread(exposure: Exposure[WarpBody]) -> tuple[Ints32, Floats32]:
    """Return (S,) the moment of each ray of a pixel, and (S, 2, P) where within its pixel it goes; see `gather`."""
    parts = _parts(exposure)
    # A single ray goes through the pixel's centre.
    rays = exposure.samples**2 if exposure.samples > 1 else 0
    offsets = np.empty((rays, 2, parts[-1].stop), dtype=np.float32)
    moments = np.zeros(exposure.samples**2, dtype=np.int32)
    for shot, part in zip(exposure.shots, parts, strict=True):
        for index, (moment, places) in enumerate(exposure.passes(shot)):
            moments[index] = moment
            if places is not None:
                offsets[index, :, part] = places
    return moments, offsets


def _parts(exposure: Exposure[WarpBody]) -> list[slice]:
    """Return where the pixels of each shot are among those of all shots."""
    ends = np.cumsum([0, *(len(shot.rays.places) for shot in exposure.shots)]).tolist()
    return [slice(begin, end) for begin, end in pairwise(ends)]


class Batch:
    """The P pixels of several views on a device, one view after the other.

    Attributes:
        count: P.
        ends: (V,) where the pixels of each view end.
        places_count: places in all images.
        first_places: (V,) where each image begins among them.
        shot_of, places, centres, across, down, radius: (P,) of the pixels; see `ViewRays`.
    """

    def __init__(self, views: Sequence[ViewRays], device: str) -> None:
        import warp as wp

        lengths = [len(rays.places) for rays in views]
        self.ends = np.cumsum(lengths)
        self.count = int(self.ends[-1])
        *self.first_places, self.places_count = np.cumsum([0, *(rays.width * rays.height for rays in views)]).tolist()
        self.shot_of = wp.array(np.repeat(np.arange(len(views)), lengths).astype(np.int32), device=device)
        self.places = wp.array(np.concatenate([rays.places for rays in views]), dtype=wp.int32, device=device)
        self.radius = wp.array(np.concatenate([rays.radius for rays in views]), dtype=wp.float32, device=device)
        self.centres, self.across, self.down = (
            wp.array(np.ascontiguousarray(np.concatenate(table)), dtype=wp.vec3, device=device)
            for table in ([getattr(rays, name).T for rays in views] for name in ("centres", "across", "down"))
        )

    def split(self, values: Any) -> list[Any]:
        """Return what belongs to each view."""
        return [np.ascontiguousarray(part) for part in np.split(values, self.ends[:-1])]


@lru_cache(maxsize=KEPT_BATCHES)
def _on_device(views: tuple[ViewRays, ...], device: str) -> Batch:
    return Batch(views, device)
