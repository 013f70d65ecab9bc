import numpy as np
import pytest

from egorear_ros.geometry.equidistant_fit import fit_equidistant
from egorear_ros.geometry.fisheye import project, unproject
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.structures import Camera


@pytest.mark.parametrize("camera", load_rig("ego4view_syn").cameras, ids=lambda camera: camera.view)
def test_fit_projects_like_the_polynomial(camera: Camera) -> None:
    fit, max_error_px = fit_equidistant(camera.lens)
    assert 0.0 < max_error_px < 0.12
    v, u = np.mgrid[0 : camera.lens.height : 7, 0 : camera.lens.width : 7]
    pixels = np.stack((u, v), -1).reshape(-1, 2).astype(float)
    rays, visible = unproject(pixels, camera.lens)
    again, also_visible = project(rays[visible], fit)
    error_px = np.linalg.norm(again - pixels[visible], axis=-1)
    assert also_visible.mean() > 0.99
    # Over the whole image, not only along the meridian that was fitted.
    assert error_px.max() < max_error_px * 1.01
    assert error_px.max() > max_error_px * 0.5


def test_equidistant_lens_is_its_own_fit() -> None:
    lens = load_rig("example_stereo_equidistant").cameras[0].lens
    assert fit_equidistant(lens) == (lens, 0.0)
