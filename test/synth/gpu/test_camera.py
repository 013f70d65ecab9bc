from dataclasses import replace

import numpy as np
import pytest

from egorear_ros.structures import Rig
from egorear_synth.camera.finish import ViewCamera, finish
from egorear_synth.camera.rays import view_rays
from egorear_synth.camera.sensor import Sensor, make_sensor, plain_sensor

SENSORS = {
    "average": plain_sensor(),
    "random": make_sensor(np.random.default_rng(8)),
    "sharp": replace(plain_sensor(), defocus_px=0.0, edge_defocus_px=0.0, edge_softness=0.0),
    "soft at the edge alone": replace(plain_sensor(), defocus_px=0.0, edge_defocus_px=25.0),
    "bad": replace(plain_sensor(), defocus_px=20.0, edge_defocus_px=60.0, glare=0.3, electrons=60.0, contrast=-0.3),
}


@pytest.mark.parametrize("name", SENSORS)
def test_the_camera_is_the_processors(rig: Rig, device: str, name: str) -> None:
    """The same light and noise give the same bytes, but for rounding."""
    expected, found = developed(rig, device, SENSORS[name])
    for one, other in zip(expected, found, strict=True):
        difference = np.abs(one.astype(int) - other)
        assert difference.max() <= 1
        assert difference.mean() < 0.01
        assert 10 < one.mean() < 245
        assert one.std() > 5


def developed(rig: Rig, device: str, sensor: Sensor) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Develop patches of light in two views of different size, on the processor and on a device."""
    import warp as wp

    from egorear_synth.gpu.camera import finish_on_device
    from egorear_synth.gpu.renderer import Batch

    rng = np.random.default_rng(0)
    views = [view_rays(rig[view].lens, size, size) for view, size in zip(rig.views, (80, 56), strict=False)]
    cameras = [
        ViewCamera(replace(sensor, exposure=0.9, view_gains=((view, 1.2),)), view, rig[view].lens.width, 3.0)
        for view in rig.views[:2]
    ]
    # Patches of 8 px, and single bright lights.
    lights = []
    for rays in views:
        patches = np.kron(rng.random((10, 10, 3)), np.ones((8, 8, 1)))[: rays.height, : rays.width]
        patches[rng.random(patches.shape[:2]) < 0.01] = 20.0
        lights.append(patches.reshape(-1, 3)[rays.places].astype(np.float32))
    expected = [
        finish(light.copy(), rays, camera, np.random.default_rng(index))
        for index, (light, rays, camera) in enumerate(zip(lights, views, cameras, strict=True))
    ]
    noise = [
        np.random.default_rng(index).standard_normal(light.shape, np.float32) for index, light in enumerate(lights)
    ]
    batch = Batch(views, device)
    on_device = [wp.array(np.concatenate(parts), dtype=wp.vec3, device=device) for parts in (lights, noise)]
    return expected, batch.split(finish_on_device(*on_device, batch, views, cameras, device).numpy())
