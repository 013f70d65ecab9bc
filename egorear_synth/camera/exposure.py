"""Automatic exposure: from the light of a sequence's first frame."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from egorear_synth.camera.develop import LUMINANCE
from egorear_synth.camera.photograph import gather_light
from egorear_synth.camera.sensor import Sensor

if TYPE_CHECKING:
    from egorear_synth.wearer import Wearer

MEAN_GREY = 0.25
"""Mean signal that cameras aim at, 1 being white."""

METER_PX = 48
"""Width of the images that the light is measured in."""

HIGHLIGHT = 4.0
"""Light brighter than this many times the median does not count more, or a lamp would darken everything else."""


def expose(sensor: Sensor, wearer: "Wearer", time_s: float) -> Sensor:
    """Return the sensor with the exposure that its cameras choose at a time, s: the first frame's.

    The mean light becomes `MEAN_GREY`, changed by `exposure_bias_ev`. Cameras meter the whole rig's light, their own,
    or something between (`own_metering`).
    """
    means = {view: mean_light(wearer, view, time_s) for view in wearer.rig.views}
    rig_mean = float(np.exp(np.mean(np.log(list(means.values())))))
    gains = tuple((view, (rig_mean / mean) ** sensor.own_metering) for view, mean in means.items())
    return replace(sensor, exposure=MEAN_GREY * 2.0**sensor.exposure_bias_ev / rig_mean, view_gains=gains)


def mean_light(wearer: "Wearer", view: str, time_s: float) -> float:
    """Return the mean luminance within a view's image circle; positive."""
    lens = wearer.rig[view].lens
    height = round(METER_PX * lens.height / lens.width)
    light = gather_light(wearer, view, (time_s,), METER_PX, height, 1, np.random.default_rng(0))
    luminance = light.astype(np.float64) @ LUMINANCE
    return max(float(np.minimum(luminance, HIGHLIGHT * np.median(luminance)).mean()), 1e-4)
