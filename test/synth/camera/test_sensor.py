import json
from dataclasses import fields

import numpy as np
import pytest

from egorear_synth.camera.sensor import Sensor, make_sensor, plain_sensor


def test_facts_are_json_and_hold_every_parameter() -> None:
    sensor = make_sensor(np.random.default_rng(0))
    facts = json.loads(json.dumps(sensor.facts, allow_nan=False))
    assert set(facts) == {field.name for field in fields(Sensor)}
    again = Sensor(
        **facts | {"view_gains": tuple(facts["view_gains"].items()), "white_balance": tuple(facts["white_balance"])}
    )
    assert again == sensor


def test_the_same_generator_gives_the_same_sensor_and_another_one_another() -> None:
    first, again, other = (make_sensor(np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_random_sensors_differ_in_all_that_is_random() -> None:
    sensors = [make_sensor(np.random.default_rng(seed)).facts for seed in range(20)]
    fixed = {"exposure", "view_gains"}  # of `expose`
    for name in sensors[0]:
        assert (len({json.dumps(facts[name]) for facts in sensors}) > 5) == (name not in fixed), name


def test_random_sensors_are_physical() -> None:
    for seed in range(200):
        sensor = make_sensor(np.random.default_rng(seed))
        assert 0 < sensor.shutter_s < 1 / 30
        assert 1 <= sensor.jpeg_quality <= 100
        assert 0 <= sensor.vignetting < 1
        assert 0 <= sensor.glare < 0.2
        assert sensor.edge_defocus_px >= sensor.defocus_px > 0
        assert sensor.electrons > 5 * sensor.read_electrons
        assert all(0.7 < gain < 1.5 for gain in sensor.white_balance)


def test_the_plain_sensor_is_the_average_one() -> None:
    sensors = [make_sensor(np.random.default_rng(seed)) for seed in range(400)]
    plain = plain_sensor()
    for name, tolerance in (
        ("exposure_bias_ev", 0.1), ("own_metering", 0.1), ("saturation", 0.05), ("contrast", 0.03), ("glare", 0.01),
        ("vignetting", 0.05), ("vignetting_power", 0.2), ("edge_softness", 0.004), ("defocus_px", 0.15),
        ("edge_defocus_px", 0.25), ("read_electrons", 0.5), ("jpeg_quality", 6),
    ):  # fmt: skip
        assert getattr(plain, name) == pytest.approx(np.mean([getattr(s, name) for s in sensors]), abs=tolerance), name
    for name in ("electrons", "shutter_s"):
        logs = [np.log(getattr(sensor, name)) for sensor in sensors]
        assert np.log(getattr(plain, name)) == pytest.approx(np.mean(logs), abs=0.5), name
    assert plain.drift_ev == plain.drift_white == 0.0
    assert plain.white_balance == (1.0, 1.0, 1.0)


def test_drift_is_slow_and_bounded() -> None:
    sensor = Sensor(exposure=0.5, view_gains=(("a", 2.0),), drift_ev=0.1, drift_white=0.02, drift_period_s=8.0)
    times = np.arange(0, 60, 1 / 30)
    stops = np.log2([sensor.exposure_at("a", float(time)) for time in times])
    assert np.abs(stops).max() == pytest.approx(0.1, rel=1e-3)
    assert np.abs(np.diff(stops)).max() < 0.1 * 2 * np.pi / 8 / 30 * 1.01
    ratios = [red / blue for red, _, blue in map(sensor.white_balance_at, times.tolist())]
    assert 1.03 < max(ratios) < 1.05
    assert sensor.exposure_at("another", 0.0) == 0.5
