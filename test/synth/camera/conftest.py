from collections.abc import Callable

import numpy as np
import pytest

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.structures import Camera, EquidistantLens, Rig
from egorear_synth.mount import neutral_mount
from egorear_synth.person import make_person
from egorear_synth.place import make_place
from egorear_synth.procedural import ProceduralMotion
from egorear_synth.rotations import rotmat_about
from egorear_synth.skinning import Pose
from egorear_synth.wearer import Wearer


def three_camera_rig() -> Rig:
    """Two cameras in front, turned outwards, and one behind, all with equidistant lenses that see 190 degrees."""
    cameras = []
    for view, place, turn_deg in (
        ("left", (-0.05, 0, 0), -10),
        ("right", (0.05, 0, 0), 10),
        ("rear", (0, 0.3, 0.01), 0),
    ):
        lens = EquidistantLens(
            640, 480, (185.7, 185.6), (321.2, 239.4), (-0.0132, 0.0021, -0.0011, 0.0002), np.deg2rad(95)
        )
        T_device_camera = np.eye(4)
        T_device_camera[:3, :3] = rotmat_about("y", np.deg2rad(turn_deg))
        if view == "rear":
            T_device_camera[:3, :3] = np.diag([-1.0, -1.0, 1.0])
        T_device_camera[:3, 3] = place
        cameras.append(Camera(view, lens, T_device_camera))
    return Rig("three", tuple(cameras))


def any_rig(name: str) -> Rig:
    return three_camera_rig() if name == "three" else load_rig(name)


RIG_NAMES = ("ego4view_syn", "example_stereo_equidistant", "three")


@pytest.fixture(params=RIG_NAMES)
def each_rig(request: pytest.FixtureRequest) -> Rig:
    return any_rig(request.param)


class Gliding:
    """The built-in motion's pose of one moment, carried along at a speed, m/s."""

    def __init__(self, motion: ProceduralMotion, velocity: np.ndarray, moment_s: float = 3.0) -> None:
        self._pose, self._velocity = motion.pose_at(moment_s), velocity

    def pose_at(self, time_s: float) -> Pose:
        return Pose(self._pose.root_position + time_s * self._velocity, self._pose.rotations)


@pytest.fixture(scope="session")
def gliding(rig: Rig) -> Callable[[float], Wearer]:
    """Wearers who stand in one place, and glide in the direction they look, m/s."""
    rng = np.random.default_rng(4)
    person, place = make_person(rng), make_place(rng)
    motion, mount = ProceduralMotion(person.body, 4), neutral_mount(rig, person, rng)

    def make(speed: float) -> Wearer:
        still = Wearer(rig, person, Gliding(motion, np.zeros(3)), place, mount)
        ahead = -still.pose_at(0.0).T_world_device[:3, 1] * [1.0, 1.0, 0.0]
        return Wearer(rig, person, Gliding(motion, speed * ahead / np.linalg.norm(ahead)), place, mount)

    return make
