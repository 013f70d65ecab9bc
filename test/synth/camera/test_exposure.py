from dataclasses import replace

import numpy as np
import pytest

from egorear_synth.camera import exposure
from egorear_synth.camera.develop import LUMINANCE
from egorear_synth.camera.exposure import MEAN_GREY, expose, mean_light
from egorear_synth.camera.photograph import gather_light
from egorear_synth.camera.sensor import make_sensor, plain_sensor
from egorear_synth.wearer import Wearer


def test_cameras_that_expose_themselves_all_reach_mean_grey(wearer: Wearer) -> None:
    sensor = expose(replace(plain_sensor(), own_metering=1.0, exposure_bias_ev=0.5), wearer, 1.0)
    for view in wearer.rig.views:
        signal = mean_light(wearer, view, 1.0) * sensor.exposure_at(view, 1.0)
        assert signal == pytest.approx(MEAN_GREY * 2**0.5, rel=1e-6)


def test_cameras_exposed_alike_have_one_exposure(wearer: Wearer) -> None:
    sensor = expose(replace(plain_sensor(), own_metering=0.0), wearer, 1.0)
    exposures = [sensor.exposure_at(view, 1.0) for view in wearer.rig.views]
    np.testing.assert_allclose(exposures, exposures[0])
    means = [np.log(mean_light(wearer, view, 1.0) * sensor.exposure) for view in wearer.rig.views]
    assert np.mean(means) == pytest.approx(np.log(MEAN_GREY))


def test_the_meter_sees_what_large_images_show(wearer: Wearer) -> None:
    view = wearer.rig.views[0]
    light = gather_light(wearer, view, (1.0,), 200, 200, 1, np.random.default_rng(0))
    luminance = light.astype(float) @ LUMINANCE
    expected = np.minimum(luminance, exposure.HIGHLIGHT * np.median(luminance)).mean()
    assert mean_light(wearer, view, 1.0) == pytest.approx(expected, rel=0.05)


def test_twice_the_light_is_exposed_half(wearer: Wearer, monkeypatch: pytest.MonkeyPatch) -> None:
    sensor = make_sensor(np.random.default_rng(0))
    before = expose(sensor, wearer, 1.0)
    monkeypatch.setattr(exposure, "gather_light", lambda *arguments: 2 * gather_light(*arguments))
    after = expose(sensor, wearer, 1.0)
    assert after.exposure == pytest.approx(before.exposure / 2)
    np.testing.assert_allclose(list(dict(after.view_gains).values()), list(dict(before.view_gains).values()))


def test_a_lamp_does_not_darken_everything_and_darkness_is_finite(
    wearer: Wearer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_lamp(*arguments: object) -> np.ndarray:
        light = gather_light(*arguments)  # type: ignore[arg-type]
        light[: len(light) // 100] += 100.0
        return light

    sensor, view = plain_sensor(), wearer.rig.views[0]
    before = mean_light(wearer, view, 1.0)
    monkeypatch.setattr(exposure, "gather_light", with_lamp)
    assert before < mean_light(wearer, view, 1.0) < 1.1 * before
    monkeypatch.setattr(exposure, "gather_light", lambda *arguments: np.zeros((10, 3), dtype=np.float32))
    assert np.isfinite(expose(sensor, wearer, 1.0).exposure)
