"""The synthetic wearer: a person in motion, what the rig's cameras see of them, and the truth."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from egorear_ros.geometry.fisheye import project, scale_lens, unproject
from egorear_ros.geometry.transforms import invert_transform, transform_points
from egorear_ros.structures import FloatArray, Rig
from egorear_synth.clips.load import AMC_RATE_HZ, load_clip
from egorear_synth.clips.retarget import ClipMotion
from egorear_synth.floor import Floats32
from egorear_synth.helmet import wear_rig
from egorear_synth.mount import Mount, neutral_mount
from egorear_synth.person import Person, make_person
from egorear_synth.place import Place, make_place
from egorear_synth.procedural import ProceduralMotion
from egorear_synth.renderer import Scene, render_rays
from egorear_synth.skinning import Pose, bone_transforms, joint_positions, skin, vertex_normals
from egorear_synth.tone import to_srgb
from egorear_synth.visibility import JointVisibility

T = TypeVar("T")

KEPT_MOMENTS = 4
"""Posed bodies kept: the cameras of one rig ask for the same moment one after the other."""


BLOCK_RAYS = 32768


class Motion(Protocol):
    """A movement: a pose for every time."""

    def pose_at(self, time_s: float) -> Pose:
        """Return the pose at a time, s."""


@dataclass(frozen=True, eq=False)
class WearerPose:
    """The wearer at one moment.

    Attributes:
        time_s: the moment.
        joints_world: (16, 3) m, see `body.JOINT_BONES`.
        joints_device: (16, 3) m.
        T_world_device: (4, 4).
        T_world_rest: (B, 4, 4) of every bone, see `skinning.bone_transforms`.
    """

    time_s: float
    joints_world: FloatArray
    joints_device: FloatArray
    T_world_device: FloatArray
    T_world_rest: FloatArray


@dataclass(frozen=True, eq=False)
class WearerTruth:
    """What an estimator should find at one moment.

    Attributes:
        joints_device: (16, 3) m.
        T_world_device: (4, 4).
        pixels: (V, 16, 2) px, in images of the calibrated size; finite also outside the image.
        visible: (V, 16) within the field of view and not hidden.
    """

    joints_device: FloatArray
    T_world_device: FloatArray
    pixels: FloatArray
    visible: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _ViewRays:
    """Rays of the pixels inside one view's image circle: M places in the flattened image, (M, 3) rays."""

    places: NDArray[np.intp]
    rays_camera: Floats32
    spread: float


class Wearer:
    """A person with a rig on the head, as a function of time; safe to use from several threads.

    Args:
        rig: the cameras.
        person: who wears it.
        motion: how they move.
        place: where they are.
        mount: how the rig sits on the head.
    """

    def __init__(self, rig: Rig, person: Person, motion: Motion, place: Place, mount: Mount) -> None:
        self.rig, self.person, self.place, self.mount = rig, person, place, mount
        self.body, self._rest_vertices = wear_rig(person.body, person.vertices, rig, mount.T_rest_device)
        colours = np.concatenate([person.part_colours, mount.part_colours])
        self._face_colours = colours[self.body.face_parts].astype(np.float32)
        self._visibility = JointVisibility(self.body, self._rest_vertices)
        self._motion = motion
        self._poses: OrderedDict[float, WearerPose] = OrderedDict()
        self._scenes: OrderedDict[float, Scene] = OrderedDict()
        self._rays: dict[tuple[str, int, int], _ViewRays] = {}
        self._lock = threading.Lock()

    def pose_at(self, time_s: float) -> WearerPose:
        """Return the wearer at a time, s; of any size, for example seconds since 1970."""
        with self._lock:
            return _keep(self._poses, time_s, self._pose)

    def scene_at(self, time_s: float) -> Scene:
        """Return the posed body at a time, s, ready for rays."""
        with self._lock:
            return _keep(self._scenes, time_s, self._scene)

    def _pose(self, time_s: float) -> WearerPose:
        T_world_rest = bone_transforms(self.body, self._motion.pose_at(time_s))
        joints_world = joint_positions(self.body, T_world_rest)
        T_world_device = T_world_rest[self.body.bone("head")] @ self.mount.T_rest_device
        joints_device = transform_points(invert_transform(T_world_device), joints_world)
        return WearerPose(time_s, joints_world, joints_device, T_world_device, T_world_rest)

    def _scene(self, time_s: float) -> Scene:
        pose = _keep(self._poses, time_s, self._pose)
        vertices = skin(self.body, pose.T_world_rest, self._rest_vertices)
        return Scene(vertices, vertex_normals(vertices, self.body.faces), self.body.faces, self._face_colours)

    def render(self, view: str, time_s: float, width: int = 0, height: int = 0) -> NDArray[np.uint8]:
        """Return the (height, width, 3) RGB image of a view; black outside its image circle.

        Args:
            view: name of the view.
            time_s: moment of exposure, s.
            width: px; 0: the calibrated one.
            height: px; 0: the calibrated one.

        Raises:
            KeyError: the rig has no such view.
            ValueError: another aspect ratio than the calibrated one.
        """
        lens = self.rig[view].lens
        width, height = width or lens.width, height or lens.height
        rays = self._view_rays(view, width, height)
        pose, scene = self.pose_at(time_s), self.scene_at(time_s)
        T_world_camera = pose.T_world_device @ self.rig[view].T_device_camera
        R_camera_world = T_world_camera[:3, :3].T.astype(np.float32)
        image = np.zeros((height * width, 3), dtype=np.uint8)
        # Blocks that fit the processor's cache are much faster than a large image at once.
        for begin in range(0, len(rays.places), BLOCK_RAYS):
            block = slice(begin, begin + BLOCK_RAYS)
            directions = rays.rays_camera[block] @ R_camera_world
            linear = render_rays(
                scene, self.place.floor, self.place.light, T_world_camera[:3, 3], directions, rays.spread
            )
            image[rays.places[block]] = to_srgb(linear)
        return image.reshape(height, width, 3)

    def truth(self, time_s: float) -> WearerTruth:
        """Return joints, pixels and visibility at a time, s."""
        pose, scene = self.pose_at(time_s), self.scene_at(time_s)
        pixels, visible = [], []
        for camera in self.rig.cameras:
            T_device_camera = camera.T_device_camera
            joints_camera = transform_points(invert_transform(T_device_camera), pose.joints_device)
            uv, inside = project(joints_camera, camera.lens)
            origin = (pose.T_world_device @ T_device_camera)[:3, 3]
            pixels.append(uv)
            visible.append(np.logical_and(inside, self._visibility.unoccluded(scene, origin, pose.joints_world)))
        return WearerTruth(pose.joints_device, pose.T_world_device, np.stack(pixels), np.stack(visible))

    def _view_rays(self, view: str, width: int, height: int) -> _ViewRays:
        key = (view, width, height)
        with self._lock:
            if key not in self._rays:
                lens = scale_lens(self.rig[view].lens, width, height)
                u, v = np.meshgrid(np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64))
                rays, inside = unproject(np.stack((u, v), axis=-1), lens)
                places = np.flatnonzero(inside)
                # Neighbouring rays of a nearly equidistant lens differ by the same angle everywhere.
                spread = float(np.sqrt(2 * np.pi * (1 - np.cos(lens.max_theta)) / max(len(places), 1)))
                self._rays[key] = _ViewRays(places, rays[inside].astype(np.float32), spread)
            return self._rays[key]


def make_wearer(rig: Rig, seed: int = 0, motion_path: str = "", clip_rate_hz: float = AMC_RATE_HZ) -> Wearer:
    """Return a random wearer.

    Everything depends on the arguments alone, so that separate processes see the same person.

    Args:
        rig: the cameras.
        seed: decides body, clothes, floor, light and, without a clip, the motion.
        motion_path: AMC clip with its ASF file beside it, or BVH clip; empty: built-in motion.
        clip_rate_hz: frames per second of an AMC clip, which does not say.

    Raises:
        ClipError: the clip is missing, damaged, or of a skeleton that is no person's.
    """
    rng = np.random.default_rng([seed, 0])
    person = make_person(rng)
    place = make_place(rng)
    motion: Motion = (
        ClipMotion(person.body, load_clip(motion_path, clip_rate_hz))
        if motion_path
        else ProceduralMotion(person.body, seed)
    )
    return Wearer(rig, person, motion, place, neutral_mount(rig, person, rng))


def _keep(kept: OrderedDict[float, T], time_s: float, make: Callable[[float], T]) -> T:
    """Return what is kept of a moment, or make it and let go of the oldest."""
    if time_s not in kept:
        kept[time_s] = make(time_s)
        while len(kept) > KEPT_MOMENTS:
            kept.popitem(last=False)
    return kept[time_s]
