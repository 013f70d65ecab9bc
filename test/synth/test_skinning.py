import numpy as np
import pytest

from egorear_synth.body import Body
from egorear_synth.rotations import rotmat_about
from egorear_synth.skinning import Pose, bone_transforms, joint_positions, skin, vertex_normals


def rest_pose(body: Body) -> Pose:
    return Pose(body.bone_heads[0], body.alignment.swapaxes(1, 2))


def test_rest_pose_returns_the_rest_vertices(body: Body) -> None:
    T = bone_transforms(body, rest_pose(body))
    np.testing.assert_allclose(skin(body, T, body.vertices), body.vertices, atol=1e-6)
    np.testing.assert_allclose(joint_positions(body, T)[0], body.head_joint, atol=1e-9)


def test_head_joint_is_in_the_middle_of_the_head(body: Body) -> None:
    joints = joint_positions(body, bone_transforms(body, rest_pose(body)))
    head = body.part_vertices("head", "scalp")
    np.testing.assert_allclose(joints[0, :2], 0.5 * (head.min(axis=0) + head.max(axis=0))[:2], atol=0.005)
    assert joints[0, 2] == pytest.approx(body.part_vertices("eyes")[:, 2].mean(), abs=0.01)


def test_reference_pose_has_straight_vertical_limbs(body: Body) -> None:
    T = bone_transforms(body, Pose(np.array([0.0, 0.0, 1.0]), np.tile(np.eye(3), (len(body.bone_names), 1, 1))))
    joints = joint_positions(body, T)
    for upper, lower in ((2, 4), (4, 6), (8, 10), (10, 12), (3, 5), (5, 7), (9, 11), (11, 13)):
        limb = joints[lower] - joints[upper]
        np.testing.assert_allclose(limb / np.linalg.norm(limb), [0, 0, -1], atol=1e-9)


def test_turning_one_forearm_moves_its_hand_alone(body: Body) -> None:
    rotations = rest_pose(body).rotations.copy()
    turn = rotmat_about("z", 0.7)
    for index, name in enumerate(body.bone_names):
        if name.endswith("_l") and name.split("_")[0] in (
            "lowerarm",
            "hand",
            "thumb",
            "index",
            "middle",
            "ring",
            "pinky",
        ):
            rotations[index] = turn @ rotations[index]
    T = bone_transforms(body, Pose(body.bone_heads[0], rotations))
    moved = np.linalg.norm(skin(body, T, body.vertices) - body.vertices, axis=1)
    still = np.unique(body.faces[body.face_parts == body.part_names.index("right_hand")])
    hand = np.unique(body.faces[body.face_parts == body.part_names.index("left_hand")])
    assert moved[still].max() < 1e-6
    assert moved[hand].min() > 0.02
    elbow = body.bone_heads[body.bone("lowerarm_l")]
    expected = elbow + turn @ (body.bone_heads[body.bone("hand_l")] - elbow)
    np.testing.assert_allclose(joint_positions(body, T)[6], expected, atol=1e-9)


def test_normals_point_outwards(body: Body) -> None:
    normals = vertex_normals(body.vertices, body.faces)
    trunk = np.unique(body.faces[body.face_parts == body.part_names.index("torso")])
    outwards = body.vertices[trunk] * [1.0, 1.0, 0.0]
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-6)
    assert ((normals[trunk] * outwards).sum(axis=1) > 0).mean() > 0.8
