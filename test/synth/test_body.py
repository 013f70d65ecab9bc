import json

import numpy as np
import pytest

from egorear_ros.skeleton import EGO4VIEW
from egorear_synth.body import JOINT_BONES, Body, asset_path, make_body, stature
from egorear_synth.phenotype import Phenotype
from egorear_synth.population import body_facts, make_phenotype, mass_kg, with_height


def test_asset_is_light() -> None:
    assert asset_path().stat().st_size < 2_000_000


@pytest.mark.parametrize("seed", range(12))
def test_every_body_is_a_plausible_adult_on_the_floor(seed: int) -> None:
    body = make_body(make_phenotype(np.random.default_rng([seed, 1])))
    assert 1.49 < body.vertices[:, 2].max() < 2.01
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


@pytest.mark.parametrize(("wanted", "male"), [(1.52, 0.0), (1.65, 0.5), (1.97, 1.0)])
def test_people_are_as_tall_as_they_shall_be(wanted: float, male: float) -> None:
    phenotype = with_height(Phenotype(male=male, weight=0.7, details={"thigh_length": 0.5}), wanted)
    assert stature(phenotype) == pytest.approx(wanted, abs=0.003)


def test_phenotypes_change_what_they_are_named_after() -> None:
    def width(body: Body, part: str, axis: int) -> float:
        return float(np.ptp(body.part_vertices(part)[:, axis]))

    def limb(body: Body, bone: str) -> float:
        index = body.bone(bone)
        return float(np.linalg.norm(body.bone_tails[index] - body.bone_heads[index]))

    average = make_body(Phenotype())
    masses = [mass_kg(make_body(Phenotype(weight=weight))) for weight in (0.1, 0.5, 2.0)]
    assert masses[2] > 1.25 * masses[1] > 1.3 * masses[0]
    assert stature(Phenotype(male=1.0)) > stature(Phenotype(male=0.0)) + 0.08
    assert stature(Phenotype(height=0.8)) > stature(Phenotype()) + 0.1
    for detail, bone in (("thigh_length", "thigh_l"), ("forearm_length", "lowerarm_r")):
        lengths = [limb(make_body(Phenotype(details={detail: value})), bone) for value in (-0.8, 0.0, 0.8)]
        assert lengths[2] > 1.03 * lengths[1] > 1.06 * lengths[0], detail
    assert width(make_body(Phenotype(details={"belly": 0.8})), "hips", 0) > width(average, "hips", 0) + 0.02
    old, young = make_body(Phenotype(age_years=80)), make_body(Phenotype(age_years=20))
    assert np.abs(old.vertices - young.vertices).max() > 0.02


def test_unknown_details_are_named() -> None:
    with pytest.raises(ValueError, match="'wingspan'; there are shoulder_width"):
        make_body(Phenotype(details={"wingspan": 1.0}))


def test_a_population_is_as_varied_as_people_are() -> None:
    rng = np.random.default_rng(0)
    facts = []
    for _ in range(60):
        phenotype = make_phenotype(rng)
        facts.append(body_facts(phenotype, make_body(phenotype)))
    heights, masses, ages = (np.array([fact[key] for fact in facts]) for key in ("height_m", "mass_kg", "age_years"))
    men = np.array([fact["male_share"] for fact in facts]) > 0.5
    assert heights.min() >= 1.495
    assert heights.max() <= 2.005
    assert 0.06 < heights.std() < 0.13
    assert 0.08 < heights[men].mean() - heights[~men].mean() < 0.2
    assert 0.3 < men.mean() < 0.7
    index = masses / heights**2
    assert 20.0 < index.mean() < 28.0
    assert index.min() > 14.0
    assert index.max() < 55.0
    assert {fact["age_band"] for fact in facts} == {"18-29", "30-44", "45-59", "60-80"}
    assert {fact["build"] for fact in facts} == {"slim", "average", "strong", "heavy"}
    assert ages.min() >= 18
    assert json.loads(json.dumps(facts)) == facts
