"""The synthetic wearer: a person in motion, what the rig's cameras see of them, and the truth."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from egorear_ros.geometry.fisheye import project
from egorear_ros.geometry.transforms import invert_transform, transform_points
from egorear_ros.structures import FloatArray, Rig
from egorear_synth.arrays import Bytes, Floats32
from egorear_synth.camera.exposure import expose
from egorear_synth.camera.finish import ViewCamera
from egorear_synth.camera.photograph import photograph
from egorear_synth.camera.sensor import Sensor, plain_sensor
from egorear_synth.clips.load import AMC_RATE_HZ, load_clip
from egorear_synth.clips.retarget import ClipMotion
from egorear_synth.mount import Mount, make_mount
from egorear_synth.person import Person, make_person
from egorear_synth.place import Place, make_place
from egorear_synth.procedural import ProceduralMotion
from egorear_synth.rendering import ON_PROCESSOR, Exposure, PosedBody, RendererChoice
from egorear_synth.skinning import Pose, bone_transforms, joint_positions
from egorear_synth.visibility import JointVisibility

T = TypeVar("T")

KEPT_MOMENTS = 8
"""Posed bodies kept: the cameras of one rig ask for the same moments one after the other."""


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


class Wearer:
    """A person with a rig on the head, as a function of time; safe to use from several threads.

    Args:
        rig: the cameras.
        person: who wears it.
        motion: how they move.
        place: where they are.
        mount: how the rig sits on the head.
        renderer: who finds the light.

    Raises:
        RendererError: the renderer is not installed, or this machine has no such device.
    """

    def __init__(
        self,
        rig: Rig,
        person: Person,
        motion: Motion,
        place: Place,
        mount: Mount,
        renderer: RendererChoice = ON_PROCESSOR,
    ) -> None:
        self.rig, self.person, self.motion, self.place, self.mount = rig, person, motion, place, mount
        self.renderer = renderer
        self.body = mount.wear(person, rig)
        self._face_colours = mount.face_colours(person, self.body).astype(np.float32)
        self._visibility = JointVisibility(self.body, self.body.vertices)
        self._poses: OrderedDict[float, WearerPose] = OrderedDict()
        self._scenes: OrderedDict[float, PosedBody] = OrderedDict()
        self._renderer = renderer.make(self.body, self._face_colours, place)
        self._lock = threading.Lock()
        self._exposed: Sensor | None = None
        self._exposure_lock = threading.Lock()

    def pose_at(self, time_s: float) -> WearerPose:
        """Return the wearer at a time, s; of any size, for example seconds since 1970."""
        with self._lock:
            return _keep(self._poses, time_s, self._pose)

    def scene_at(self, time_s: float) -> Any:
        """Return the posed body at a time, s, ready for rays: a `PosedBody` of the wearer's renderer."""
        with self._lock:
            return _keep(self._scenes, time_s, self._scene)

    def _pose(self, time_s: float) -> WearerPose:
        T_body = bone_transforms(self.person.body, self.motion.pose_at(time_s))
        T_world_head = T_body[self.person.body.bone("head")]
        T_world_device = T_world_head @ self.mount.T_head_device(time_s)
        # The rig slips on the head: it has a bone of its own, the last one.
        T_world_rest = np.concatenate([T_body, self.mount.rig_bone(T_world_head, time_s)[None]])
        joints_world = joint_positions(self.body, T_world_rest)
        joints_device = transform_points(invert_transform(T_world_device), joints_world)
        return WearerPose(time_s, joints_world, joints_device, T_world_device, T_world_rest)

    def _scene(self, time_s: float) -> PosedBody:
        posed: PosedBody = self._renderer.pose(_keep(self._poses, time_s, self._pose).T_world_rest)
        return posed

    def light(self, exposure: Exposure[Any]) -> list[Floats32]:
        """Return the (M, 3) mean radiance of each shot's pixels, linear.

        Args:
            exposure: of bodies from `scene_at`.
        """
        return self._renderer.light(exposure)

    def photographs(self, exposure: Exposure[Any], cameras: Sequence[ViewCamera]) -> list[Bytes]:
        """Return the (M, 3) sRGB values of each shot's pixels.

        Args:
            exposure: of bodies from `scene_at`.
            cameras: of each shot.
        """
        return self._renderer.photographs(exposure, cameras)

    def render(self, view: str, time_s: float, width: int = 0, height: int = 0, samples: int = 1) -> NDArray[np.uint8]:
        """Return the (height, width, 3) RGB image of a view as a live camera sees it; black outside its image circle.

        The camera is an average one (`camera.sensor.plain_sensor`), exposed for the moment 0 and fixed from then on.

        Args:
            view: name of the view.
            time_s: moment of exposure, s.
            width: px; 0: the calibrated one.
            height: px; 0: the calibrated one.
            samples: `samples` x `samples` rays per pixel; 1 also means no motion blur.

        Raises:
            KeyError: the rig has no such view.
            ValueError: another aspect ratio than the calibrated one.
        """
        lens = self.rig[view].lens
        # The noise of a view and moment is the same in every process.
        rng = np.random.default_rng([self.rig.views.index(view), *np.array([time_s]).view(np.uint32).tolist()])
        size = (width or lens.width, height or lens.height)
        return photograph(self, view, time_s, *size, self._live_sensor(), rng, samples)

    def _live_sensor(self) -> Sensor:
        with self._exposure_lock:
            if self._exposed is None:
                self._exposed = expose(plain_sensor(), self, 0.0)
            return self._exposed

    def truth(self, time_s: float) -> WearerTruth:
        """Return joints, pixels and visibility at a time, s."""
        pose, scene = self.pose_at(time_s), self.scene_at(time_s)
        pixels, inside, origins = [], [], []
        for camera in self.rig.cameras:
            T_device_camera = camera.T_device_camera
            joints_camera = transform_points(invert_transform(T_device_camera), pose.joints_device)
            uv, within = project(joints_camera, camera.lens)
            pixels.append(uv)
            inside.append(within)
            origins.append((pose.T_world_device @ T_device_camera)[:3, 3])
        free = self._visibility.unoccluded(scene, self.place, np.stack(origins), pose.joints_world)
        return WearerTruth(pose.joints_device, pose.T_world_device, np.stack(pixels), np.stack(inside) & free)


def make_wearer(
    rig: Rig,
    seed: int = 0,
    motion_path: str = "",
    clip_rate_hz: float = AMC_RATE_HZ,
    renderer: RendererChoice = ON_PROCESSOR,
) -> Wearer:
    """Return a random wearer.

    Everything depends on the arguments alone, so that separate processes see the same person.

    Args:
        rig: the cameras.
        seed: decides body, clothes, floor, light and, without a clip, the motion.
        motion_path: AMC clip with its ASF file beside it, or BVH clip; empty: built-in motion.
        clip_rate_hz: frames per second of an AMC clip, which does not say.
        renderer: who finds the light.

    Raises:
        ClipError: the clip is missing, damaged, or of a skeleton that is no person's.
        RendererError: the renderer is not installed, or this machine has no such device.
    """
    rng = np.random.default_rng([seed, 0])
    person = make_person(rng)
    place = make_place(rng)
    motion: Motion = (
        ClipMotion(person.body, load_clip(motion_path, clip_rate_hz))
        if motion_path
        else ProceduralMotion(person.body, seed)
    )
    return Wearer(rig, person, motion, place, make_mount(rig, person, rng), renderer)


def _keep(kept: OrderedDict[float, T], time_s: float, make: Callable[[float], T]) -> T:
    """Return what is kept of a moment, or make it and let go of the oldest."""
    if time_s not in kept:
        kept[time_s] = make(time_s)
        while len(kept) > KEPT_MOMENTS:
            kept.popitem(last=False)
    return kept[time_s]
