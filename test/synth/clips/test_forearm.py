import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from egorear_synth.body import Body
from egorear_synth.clips.forearm import SHARE, spread_palm_turn, turn_about_z
from egorear_synth.rotations import rotmat_about, rotmat_from_rotvec
from egorear_synth.skinning import Pose, bone_transforms, joint_positions, skin


def at_rest(body: Body, moments: int = 1) -> np.ndarray:
    return np.broadcast_to(np.eye(3), (moments, len(body.bone_names), 3, 3)).copy()


@given(st.floats(-3.0, 3.0), st.floats(-1.2, 1.2), st.floats(-1.2, 1.2))
def test_the_turn_of_a_tilted_hand_is_found(turn: float, x: float, y: float) -> None:
    tilt = rotmat_from_rotvec(np.array([x, y, 0.0]))
    np.testing.assert_allclose(turn_about_z(tilt @ rotmat_about("z", turn)), turn, atol=1e-6)
    np.testing.assert_allclose(turn_about_z(rotmat_about("z", turn) @ tilt), turn, atol=1e-6)


def test_half_of_the_turn_is_in_the_forearm_and_nothing_else_moves(body: Body) -> None:
    rotations = at_rest(body)
    hand, fore = body.bone("hand_l"), body.bone("lowerarm_l")
    rotations[:, hand] = rotmat_about("z", 1.2)
    spread = spread_palm_turn(body, rotations)
    np.testing.assert_allclose(spread[0, fore], rotmat_about("z", SHARE * 1.2), atol=1e-12)
    others = np.arange(len(body.bone_names)) != fore
    np.testing.assert_array_equal(spread[:, others], rotations[:, others])
    before, after = (
        joint_positions(body, bone_transforms(body, Pose(np.zeros(3), poses[0]))) for poses in (rotations, spread)
    )
    # Bones of the mesh are not exactly straight: the wrist moves by less than the skin of a finger is thick.
    np.testing.assert_allclose(after, before, atol=1e-3)


def test_a_palm_that_goes_on_turning_does_not_make_the_forearm_jump(body: Body) -> None:
    rotations = at_rest(body, 60)
    rotations[:, body.bone("hand_r")] = rotmat_about("z", np.linspace(2.0, 4.5, 60))
    fore = spread_palm_turn(body, rotations)[:, body.bone("lowerarm_r")]
    steps = fore[:-1].swapaxes(1, 2) @ fore[1:]
    assert np.abs(turn_about_z(steps)).max() < 0.03


def test_the_skin_of_the_wrist_is_pinched_less(body: Body) -> None:
    """A straight arm whose palm is turned by 120 degrees: how near its skin comes to the axis of the forearm."""
    rotations = at_rest(body)
    rotations[:, body.bone("hand_l")] = rotmat_about("z", np.deg2rad(120))
    fore, hand = body.bone("lowerarm_l"), body.bone("hand_l")
    mixed = np.flatnonzero((body.skin_weights[:, [fore, hand]] > 0.3).all(axis=1))
    nearest = []
    for poses in (rotations, spread_palm_turn(body, rotations)):
        T_bones = bone_transforms(body, Pose(np.zeros(3), poses[0]))
        elbow, wrist = (T_bones[bone] @ [*body.bone_heads[bone], 1.0] for bone in (fore, hand))
        axis = (wrist - elbow)[:3] / np.linalg.norm(wrist - elbow)
        away = skin(body, T_bones, body.vertices)[mixed] - wrist[:3]
        nearest.append(np.linalg.norm(away - (away @ axis)[:, None] * axis, axis=1).min())
    assert len(mixed) > 5
    assert nearest[1] > 1.3 * nearest[0]
