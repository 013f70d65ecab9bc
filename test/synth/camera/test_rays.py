import numpy as np
import pytest

from egorear_ros.geometry.fisheye import scale_lens, unproject
from egorear_ros.structures import Rig
from egorear_synth.camera.rays import jitter, strata, view_rays


def size_of(rig: Rig, width: int) -> tuple[int, int]:
    lens = rig.cameras[0].lens
    return width, round(width * lens.height / lens.width)


def test_rays_of_centres_are_the_lens_s_own(each_rig: Rig) -> None:
    width, height = size_of(each_rig, 128)
    for camera in each_rig.cameras:
        rays = view_rays(camera.lens, width, height)
        v, u = np.divmod(rays.places, width)
        expected, inside = unproject(np.stack((u, v), axis=1).astype(float), scale_lens(camera.lens, width, height))
        assert inside.all()
        np.testing.assert_allclose(rays.centres.T, expected, atol=1e-6)
        rotation = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
        np.testing.assert_allclose(rays.directions(slice(None), None, rotation), expected @ rotation.T, atol=1e-6)


def test_rays_within_pixels_are_linear_to_a_hundredth_of_a_pixel(each_rig: Rig) -> None:
    width, height = size_of(each_rig, 256)
    offsets = np.random.default_rng(0).uniform(-0.5, 0.5, (2, width * height)).astype(np.float32)
    for camera in each_rig.cameras:
        rays = view_rays(camera.lens, width, height)
        v, u = np.divmod(rays.places, width)
        offset = offsets[:, : len(u)]
        places = np.stack((u + offset[0], v + offset[1]), axis=1).astype(float)
        expected, _ = unproject(places, scale_lens(camera.lens, width, height))
        found = rays.directions(slice(None), offset, np.eye(3))
        inside = rays.radius < 0.99
        error_rad = np.linalg.norm(np.cross(found[inside], expected[inside]), axis=1)
        assert error_rad.max() < 0.01 * rays.spread
        np.testing.assert_allclose(np.linalg.norm(found[inside], axis=1), 1.0, atol=2e-4)


def test_radius_is_one_at_the_edge_of_the_field_of_view(each_rig: Rig) -> None:
    width, height = size_of(each_rig, 256)
    for camera in each_rig.cameras:
        rays = view_rays(camera.lens, width, height)
        theta = np.arccos(np.clip(rays.centres[2], -1, 1))
        assert rays.radius.min() < 0.01
        assert 0.97 < rays.radius.max() <= 1.0
        assert (np.diff(rays.radius[np.argsort(theta)]) > -1e-3).all()
        # Neighbours on the axis are as far apart as `spread` says of all rays, nearly.
        assert rays.across[:, rays.radius.argmin()] @ [1, 0, 0] == pytest.approx(rays.spread, rel=0.2)


def test_another_aspect_ratio_is_refused(rig: Rig) -> None:
    with pytest.raises(ValueError, match="no uniform scaling"):
        view_rays(rig.cameras[0].lens, 256, 128)


@pytest.mark.parametrize("samples", [2, 3])
def test_samples_are_one_in_each_part_of_the_pixel(samples: int) -> None:
    rng = np.random.default_rng(1)
    everywhere = []
    for stratum in strata(samples):
        places = jitter(rng, stratum, samples, 500)
        assert places is not None
        low = np.array(stratum) / samples - 0.5
        assert (places >= low[:, None] - 1e-6).all()
        assert (places <= low[:, None] + 1 / samples + 1e-6).all()
        everywhere.append(places)
    assert len(everywhere) == samples**2
    merged = np.concatenate(everywhere, axis=1)
    np.testing.assert_allclose(merged.mean(axis=1), 0.0, atol=0.02)
    np.testing.assert_allclose(merged.std(axis=1), 12**-0.5, rtol=0.05)


def test_a_single_sample_is_at_the_centre() -> None:
    assert jitter(np.random.default_rng(0), (0, 0), 1, 10) is None
