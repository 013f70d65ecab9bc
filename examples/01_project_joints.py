"""Where the cameras of a rig see the joints of a standing wearer.

Run: python examples/01_project_joints.py [RIG]     a name in calib/ or a rig file; default ego4view_syn
"""

import sys

import numpy as np

from egorear_ros.geometry.fisheye import project
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.geometry.transforms import T_RIG_DEVICE, invert_transform, transform_points
from egorear_ros.skeleton import EGO4VIEW

# Made up: somebody of 1.75 m who stands upright under the helmet, hands in front of the belly.
# rig_link is between the front cameras, 0.2 m before the head: x forward, y left, z up, m.
STANDING_RIG = np.array(
    [
        (-0.18, 0.00, -0.06),  # head
        (-0.20, 0.00, -0.26),  # neck
        (-0.21, 0.18, -0.32),  # shoulders
        (-0.21, -0.18, -0.32),
        (-0.19, 0.24, -0.60),  # elbows
        (-0.19, -0.24, -0.60),
        (0.05, 0.14, -0.66),  # wrists
        (0.05, -0.14, -0.66),
        (-0.20, 0.10, -0.80),  # hips
        (-0.20, -0.10, -0.80),
        (-0.18, 0.11, -1.22),  # knees
        (-0.18, -0.11, -1.22),
        (-0.22, 0.11, -1.62),  # ankles
        (-0.22, -0.11, -1.62),
        (-0.06, 0.13, -1.67),  # toes
        (-0.06, -0.13, -1.67),
    ]
)


def main(rig_name: str) -> None:
    """Print a table of pixels, one row per joint and one column per view."""
    rig = load_rig(rig_name)
    joints_device = transform_points(invert_transform(T_RIG_DEVICE), STANDING_RIG)

    columns = {}
    for camera in rig.cameras:
        joints_camera = transform_points(invert_transform(camera.T_device_camera), joints_device)
        columns[camera.view] = project(joints_camera, camera.lens)

    print(f"{rig.name}: pixel (u, v) of each joint; - where the lens does not see it")
    print("".join(f"{heading:>16}" for heading in ("joint", *rig.views)))
    for joint, name in enumerate(EGO4VIEW.joint_names):
        cells = [
            f"{pixels[joint, 0]:.1f}, {pixels[joint, 1]:.1f}" if visible[joint] else "-"
            for pixels, visible in columns.values()
        ]
        print("".join(f"{cell:>16}" for cell in (name, *cells)))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "ego4view_syn")
