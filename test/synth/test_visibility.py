import numpy as np

from egorear_ros.structures import Rig
from egorear_synth.place import Place
from egorear_synth.places.builder import Block, Builder
from egorear_synth.places.light import ambience
from egorear_synth.places.surfaces import Look
from egorear_synth.places.texture import make_texture
from egorear_synth.wearer import Wearer


def place_with(*blocks: Block) -> Place:
    """Nothing but some blocks."""
    builder, grey = Builder(np.random.default_rng(0)), np.full((4, 4, 3), 0.5)
    for block in blocks or (Block((90.0, 0.0, 0.0), (1.0, 1.0, 1.0)),):
        builder.block(block, Look(make_texture("grey", grey, (1.0, 1.0))))
    return Place(builder.surfaces(), (), ambience(*np.ones((4, 3))), {})


def test_what_stands_between_camera_and_joint_hides_it_and_what_is_behind_does_not(wearer: Wearer, rig: Rig) -> None:
    checked = 0
    for time_s in (0.5, 9.25, 17.0, 30.0, 41.0):
        pose, scene = wearer.pose_at(time_s), wearer.scene_at(time_s)
        for camera in rig.cameras:
            origin = (pose.T_world_device @ camera.T_device_camera)[:3, 3]
            (free,) = wearer._visibility.unoccluded(scene, place_with(), origin[None], pose.joints_world)
            for joint in np.flatnonzero(free):
                towards = pose.joints_world[joint] - origin
                if np.linalg.norm(towards) < 0.5:
                    continue
                size = (0.02, 0.02, 0.02)
                for share, expected in ((0.3, False), (1.5, True)):
                    x, y, z = (origin + share * towards).tolist()
                    (seen,) = wearer._visibility.unoccluded(
                        scene, place_with(Block((x, y, z), size)), origin[None], pose.joints_world
                    )
                    assert seen[joint] == expected, (time_s, camera.view, joint)
                checked += 1
    assert checked > 10
