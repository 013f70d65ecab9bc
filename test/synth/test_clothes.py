import json
from dataclasses import replace

import numpy as np
import pytest

from egorear_synth.body import Body, make_body
from egorear_synth.cloth import MAX_BONES, bare, clip, sewn, split
from egorear_synth.dressing import Layer, dress, layers
from egorear_synth.outfit import Outfit, make_outfit
from egorear_synth.person import Person, make_person
from egorear_synth.phenotype import Phenotype
from egorear_synth.population import make_phenotype
from egorear_synth.procedural import ProceduralMotion
from egorear_synth.renderer import Scene
from egorear_synth.skinning import bone_transforms, joint_positions, skin, vertex_normals
from egorear_synth.tailor import Tailor

MOST_FACES = 14_000
PEOPLE = range(20)
POKED_SHARE = 0.02
"""Of the area near edges that is kept beneath cloth, how much may have none above it, on the average."""


@pytest.fixture(scope="module")
def people() -> list[Person]:
    return [make_person(np.random.default_rng([seed, 7])) for seed in PEOPLE]


def outfit_of(body: Body, **wanted: object) -> Outfit:
    outfit = make_outfit(np.random.default_rng(0), 0.2, 30.0)
    plain = {"pattern": "plain", "gloves": None, "shoes": "shoes", "tucked": False, "sleeve": 1.95, "leg": 1.95}
    return replace(outfit, **(plain | wanted))


def test_people_are_finite_light_and_follow_few_bones(people: list[Person]) -> None:
    for person in people:
        body = person.body
        assert len(body.faces) < MOST_FACES - 1500  # the rig comes on top
        assert np.isfinite(body.vertices).all()
        assert np.isfinite(person.face_colours).all()
        assert person.face_colours.shape == (len(body.faces), 3) == (len(body.face_parts), 3)
        assert person.face_colours.min() >= 0.0
        assert person.face_colours.max() <= 1.0
        assert body.faces.min() >= 0
        assert body.faces.max() < len(body.vertices)
        np.testing.assert_allclose(body.skin_weights.sum(axis=1), 1.0, atol=1e-9)
        assert (body.skin_weights > 0).sum(axis=1).max() <= MAX_BONES
        assert abs(body.vertices[:, 2].min()) < 0.01
        assert json.loads(json.dumps(person.facts)) == person.facts


def test_people_are_the_same_every_time_and_differ(people: list[Person]) -> None:
    again = make_person(np.random.default_rng([3, 7]))
    np.testing.assert_array_equal(again.body.vertices, people[3].body.vertices)
    np.testing.assert_array_equal(again.face_colours, people[3].face_colours)
    assert again.facts == people[3].facts
    for fact, kinds in (("top", 5), ("bottom", 4), ("hair", 4), ("shoes", 3)):
        assert len({person.facts[fact] for person in people}) >= kinds, fact


def test_a_cut_divides_the_surface_and_loses_nothing(body: Body) -> None:
    piece = bare(body)
    cut, above = split(piece, piece.vertices[:, 2] - 1.2)
    heights = cut.vertices[cut.faces, 2]
    assert heights[above].min() > 1.2 - 1e-6
    assert heights[~above].max() < 1.2 + 1e-6

    def area(vertices: np.ndarray, faces: np.ndarray) -> float:
        first, second, third = (vertices[faces[:, corner]] for corner in range(3))
        return float(np.linalg.norm(np.cross(second - first, third - first), axis=1).sum() / 2)

    assert area(cut.vertices, cut.faces) == pytest.approx(area(piece.vertices, piece.faces), rel=1e-9)
    torso = Tailor(body).on(piece, "torso")
    clipped = clip(piece, piece.vertices[:, 2] - 1.2, torso)
    assert len(clipped.faces) > 5000
    assert clipped.vertices[clipped.faces[Tailor(body).on(clipped, "torso")], 2].min() > 1.2 - 1e-6


def test_long_trousers_cover_the_legs_and_sleeves_the_arms(body: Body) -> None:
    dressed, colours = dress(body, outfit_of(body, top="shirt", bottom="trousers", skin=(0.9, 0.8, 0.7)))
    bare_share = {}
    for part in ("left_thigh", "right_shank", "left_upper_arm", "right_forearm", "torso"):
        on = dressed.face_parts == dressed.part_names.index(part)
        corners = dressed.vertices[dressed.faces[on]]
        area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
        bare_share[part] = area[(colours[on] == (0.9, 0.8, 0.7)).all(axis=1)].sum() / area.sum()
    assert max(bare_share.values()) < 0.3, bare_share
    hands = dressed.face_parts == dressed.part_names.index("left_hand")
    assert (colours[hands] == (0.9, 0.8, 0.7)).all(axis=1).mean() > 0.9


def test_shorts_and_short_sleeves_end_where_they_shall(body: Body) -> None:
    outfit = outfit_of(body, top="T-shirt", bottom="shorts", sleeve=0.6, leg=0.9, looseness=0.5)
    garments = [layer.piece for layer in layers(body, outfit)]
    tailor = Tailor(body)
    legs = [tailor.leg("left").cylindrical(p.skin[p.faces[tailor.on(p, "left_thigh", "left_shank")]].reshape(-1, 3))[0]
            for p in garments[1:2]]  # fmt: skip
    assert legs[0].max() == pytest.approx(0.9 * tailor.leg("left").lengths[1], abs=1e-6)
    arms = tailor.arm("right").cylindrical(
        garments[2].skin[garments[2].faces[tailor.on(garments[2], "right_upper_arm")]].reshape(-1, 3)
    )[0]
    assert arms.max() == pytest.approx(0.6 * tailor.arm("right").lengths[1], abs=1e-6)


@pytest.mark.parametrize(("top", "bottom"), [("T-shirt", "long skirt"), ("coat", "trousers"), ("dress", "none")])
def test_skirts_and_coats_go_around_both_legs(body: Body, top: str, bottom: str) -> None:
    dressed, _ = dress(body, outfit_of(body, top=top, bottom=bottom, leg=1.3, flare=0.1))
    level = Tailor(body).knee + 0.08
    ring = dressed.vertices[np.abs(dressed.vertices[:, 2] - level) < 0.04]
    bare_ring = body.vertices[np.abs(body.vertices[:, 2] - level) < 0.04]
    assert (ring.max(axis=0) > bare_ring.max(axis=0) + 0.003)[:2].all()
    assert (ring.min(axis=0) < bare_ring.min(axis=0) - 0.003)[:2].all()
    # Cloth closes the gap between the legs, in front and behind.
    assert (np.abs(ring[:, 1]) < 0.03).sum() >= 2


def test_loose_clothes_are_wider_than_tight_ones(body: Body) -> None:
    widths = []
    for looseness in (0.0, 1.0):
        outfit = outfit_of(body, top="T-shirt", bottom="trousers", looseness=looseness)
        trousers = layers(body, outfit)[1].piece
        shank = trousers.vertices[np.abs(trousers.vertices[:, 2] - 0.2) < 0.04]
        widths.append(np.ptp(shank[shank[:, 1] > 0, 0]))
    assert widths[1] > widths[0] + 0.02


def test_faces_of_closed_pieces_look_outwards(people: list[Person]) -> None:
    for person in people[:8]:
        body = person.body
        normals = vertex_normals(body.vertices, body.faces)
        for part, axis_bone in (("torso", "spine_02"), ("left_thigh", "thigh_l"), ("scalp", "head")):
            used = np.unique(body.faces[body.face_parts == body.part_names.index(part)])
            centre = body.bone_heads[body.bone(axis_bone)] if part != "scalp" else body.head_joint
            outwards = body.vertices[used] - centre
            outwards[:, 2] *= part == "scalp"
            assert ((normals[used] * outwards).sum(axis=1) > 0).mean() > 0.85, part


def poked_share(body: Body, found: list[Layer], seed: int, times: np.ndarray) -> float:
    """Return which share of the area that cloth covers has no cloth above it, as mean over moments."""
    pieces = [layer.piece for layer in found if len(layer.piece.faces)]
    covered = np.concatenate([layer.covered for layer in found if len(layer.piece.faces)])
    dressed, colours = sewn(body, pieces, (*body.part_names, "hair"))
    motion = ProceduralMotion(dressed, seed)
    shares = []
    for time_s in times:
        vertices = skin(dressed, bone_transforms(dressed, motion.pose_at(float(time_s))), dressed.vertices)
        scene = Scene(vertices, vertex_normals(vertices, dressed.faces), dressed.faces, colours.astype(np.float32))
        corners = vertices[dressed.faces[covered]]
        across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        double_area = np.maximum(np.linalg.norm(across, axis=1), 1e-12)
        outwards = across / double_area[:, None]
        start = (corners.mean(axis=1) + 0.0005 * outwards).astype(np.float32)
        # Cloth is nearer than that, also a wide coat's; what is farther is another limb.
        free = scene.first_hits(start, outwards.astype(np.float32)).distance > 0.4
        shares.append(double_area[free].sum() / double_area.sum())
    return float(np.mean(shares))


def test_little_pokes_through_cloth_in_motion() -> None:
    shares = []
    for seed in range(8):
        rng = np.random.default_rng([seed, 11])
        phenotype = make_phenotype(rng)
        body = make_body(phenotype)
        found = layers(body, make_outfit(rng, phenotype.male, phenotype.age_years))
        shares.append(poked_share(body, found, seed, np.arange(1.0, 60.0, 19.0)))
    assert np.mean(shares) < POKED_SHARE, shares
    assert max(shares) < 5 * POKED_SHARE, shares


def test_poke_through_is_noticed(body: Body) -> None:
    found = layers(body, outfit_of(body, top="shirt", bottom="trousers"))
    bulging = [
        replace(
            found[0], piece=replace(found[0].piece, vertices=found[0].piece.vertices + 0.05 * found[0].piece.normals)
        )
    ]
    assert poked_share(body, bulging + found[1:], 0, np.array([2.0])) > 0.3


def test_bones_keep_their_lengths_and_joints_stay_inside(people: list[Person]) -> None:
    for seed, person in enumerate(people[:4]):
        body = person.body
        motion = ProceduralMotion(body, seed)
        lengths = []
        for time_s in (1.0, 13.0, 29.0, 47.0):
            T = bone_transforms(body, motion.pose_at(time_s))
            joints = joint_positions(body, T)
            lengths.append(np.linalg.norm(joints[[4, 6, 10, 12]] - joints[[2, 4, 8, 10]], axis=1))
            vertices = skin(body, T, body.vertices)
            # A joint inside the body has surface on all sides: opposite rays both meet it.
            scene = Scene(
                vertices, vertex_normals(vertices, body.faces), body.faces, person.face_colours.astype(np.float32)
            )
            for joint in joints[[2, 3, 4, 5, 8, 9, 10, 11]]:
                rays = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
                rays /= np.linalg.norm(rays, axis=1, keepdims=True)
                hits = scene.first_hits(np.repeat(joint[None].astype(np.float32), 40, axis=0), rays)
                assert (hits.distance < 0.7).mean() > 0.75
        np.testing.assert_allclose(lengths, np.tile(lengths[0], (4, 1)), atol=1e-9)


@pytest.mark.parametrize("style", ["bald", "buzz", "short", "long", "ponytail", "bun"])
def test_every_hair_style_covers_the_skull_and_keeps_off_the_face(style: str) -> None:
    body = make_body(Phenotype(male=0.1))
    outfit = make_outfit(np.random.default_rng(1), 0.1, 30.0)
    dressed, _ = dress(body, replace(outfit, hair_cut=replace(outfit.hair_cut, style=style, length_m=0.2)))
    hair = dressed.part_vertices("hair") if style in ("long", "ponytail", "bun") else np.zeros((0, 3))
    assert (len(hair) > 0) == (style in ("long", "ponytail", "bun"))
    eyes = body.part_vertices("eyes")
    beside = hair[np.abs(hair[:, 2] - eyes[:, 2].mean()) < 0.03]
    assert not ((beside[:, 0] > eyes[:, 0].min() - 0.02) & (np.abs(beside[:, 1]) < 0.05)).any()
    if style == "long":
        assert hair[:, 2].min() < body.bone_heads[body.bone("neck_01"), 2] - 0.1
    scalp = dressed.part_vertices("scalp")
    assert scalp[:, 2].max() >= body.vertices[:, 2].max()
