import numpy as np
import pytest

from egorear_ros.skeleton import EGO4VIEW
from egorear_synth.body import JOINT_BONES, Body, asset_path, build_names, make_body
from egorear_synth.outfit import SHIRT_DEPTH, Outfit, dress, make_outfit


def test_asset_is_light() -> None:
    assert asset_path().stat().st_size < 3_000_000


@pytest.mark.parametrize("index", range(len(build_names())))
def test_every_build_is_a_plausible_adult_on_the_floor(index: int) -> None:
    body = make_body(np.eye(len(build_names()))[index])
    assert 1.45 < body.vertices[:, 2].max() < 2.0
    assert abs(body.vertices[:, 2].min()) < 1e-5
    np.testing.assert_allclose(body.skin_weights.sum(axis=1), 1.0, atol=1e-6)
    assert body.faces.min() >= 0
    assert body.faces.max() < len(body.vertices)


def test_joints_are_listed_in_the_order_of_the_skeleton() -> None:
    assert tuple(JOINT_BONES) == EGO4VIEW.joint_names


def test_body_looks_along_x_with_its_left_at_positive_y(body: Body) -> None:
    nose, head = body.part_vertices("head")[:, 0].max(), body.head_joint[0]
    nape = body.part_vertices("scalp")[:, 0].min()
    # Eyes and toes tell where the front is, whatever the labels say.
    assert body.part_vertices("eyes")[:, 0].mean() > head
    assert nose - head == pytest.approx(head - nape, abs=0.03)
    toes, ankle = body.bone_heads[body.bone("ball_l")], body.bone_heads[body.bone("foot_l")]
    assert toes[0] > ankle[0] + 0.08
    for bone in ("hand", "foot", "upperarm", "thigh"):
        assert body.bone_heads[body.bone(f"{bone}_l"), 1] > 0.05 > -0.05 > body.bone_heads[body.bone(f"{bone}_r"), 1]
    for part in ("hand", "foot", "thigh", "upper_arm"):
        assert body.part_vertices(f"left_{part}")[:, 1].min() > 0 > body.part_vertices(f"right_{part}")[:, 1].max()


def test_builds_differ_in_height_and_blend_linearly() -> None:
    count = len(build_names())
    first, second = make_body(np.eye(count)[0]), make_body(np.eye(count)[1])
    mixed = make_body(0.5 * (np.eye(count)[0] + np.eye(count)[1]))
    np.testing.assert_allclose(mixed.vertices, 0.5 * (first.vertices + second.vertices), atol=1e-6)
    assert abs(first.vertices[:, 2].max() - second.vertices[:, 2].max()) > 0.05


@pytest.mark.parametrize("shares", [np.ones(3), np.full(len(build_names()), 0.5)])
def test_shares_must_fit_the_builds(shares: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected 8 numbers that sum to 1"):
        make_body(shares)


def test_clothes_cover_the_parts_that_their_cut_says(body: Body) -> None:
    colour = (0.1, 0.2, 0.3)
    plain = (0.5, 0.5, 0.5)
    outfit = Outfit(plain, plain, colour, plain, plain, long_sleeves=False, long_trousers=True)
    colours = dict(zip(body.part_names, outfit.part_colours(body.part_names).tolist(), strict=True))
    assert colours["torso"] == colours["left_upper_arm"] == list(colour)
    assert colours["left_forearm"] == list(plain)
    assert "left_shank" in outfit.trouser_parts


def test_dressing_thickens_and_never_moves_hands(body: Body) -> None:
    moved = np.linalg.norm(dress(body, make_outfit(np.random.default_rng(0))) - body.vertices, axis=1)
    hands = np.unique(body.faces[body.face_parts == body.part_names.index("left_hand")])
    fingers = hands[body.vertices[hands, 2] < body.vertices[hands, 2].mean()]
    assert moved.max() < 0.03
    assert moved[fingers].max() == 0
    chest = np.unique(body.faces[body.face_parts == body.part_names.index("torso")])
    assert np.median(moved[chest]) == pytest.approx(SHIRT_DEPTH)
