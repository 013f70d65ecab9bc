import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest

from egorear_ros.geometry.fisheye import field_of_view_mask, scale_lens, unproject
from egorear_ros.structures import Rig
from egorear_synth.camera.exposure import expose
from egorear_synth.camera.photograph import encode_jpeg, frame_rng, gather_light, photograph
from egorear_synth.camera.rays import view_rays
from egorear_synth.camera.sensor import Sensor, make_sensor, plain_sensor
from egorear_synth.renderer import render_rays
from egorear_synth.wearer import Wearer


@pytest.fixture(scope="module")
def sensor(wearer: Wearer) -> Sensor:
    return expose(make_sensor(np.random.default_rng(8)), wearer, 0.0)


def naive_light(wearer: Wearer, view: str, time_s: float, size: int, samples: int) -> np.ndarray:
    """The mean of samples x samples rays on a regular grid in each pixel, each from the lens itself."""
    camera = wearer.rig[view]
    rays = view_rays(camera.lens, size, size)
    v, u = np.divmod(rays.places, size)
    T_world_camera = wearer.pose_at(time_s).T_world_device @ camera.T_device_camera
    scene = wearer.scene_at(time_s)
    grid = (np.arange(samples) + 0.5) / samples - 0.5
    total = np.zeros((len(u), 3))
    for down in grid:
        for across in grid:
            pixels = np.stack((u + across, v + down), axis=1)
            local, _ = unproject(pixels, scale_lens(camera.lens, size, size))
            directions = (local @ T_world_camera[:3, :3].T).astype(np.float32)
            total += render_rays(scene, wearer.place, T_world_camera[:3, 3], directions, rays.spread / samples)
    return total / samples**2


def test_more_samples_come_closer_to_a_naive_twin_with_256(wearer: Wearer) -> None:
    view, size = "front_left", 48
    reference = naive_light(wearer, view, 6.0, size, 16)
    # At the rim, pixels reach beyond the lens, where twin and photograph differ and no light passes.
    inside = view_rays(wearer.rig[view].lens, size, size).radius < 0.95
    errors = []
    for samples in (1, 2, 4, 8):
        light = gather_light(wearer, view, (6.0,), size, size, samples, np.random.default_rng(1))
        errors.append(float(np.sqrt(np.square(light - reference)[inside].mean())))
    assert errors[1] < 0.7 * errors[0]
    assert errors[2] < 0.6 * errors[1]
    assert errors[3] < 0.6 * errors[2]
    assert errors[3] < 0.02 * reference[inside].std() + 0.002


def digest(wearer: Wearer, sensor: Sensor, view: int, frame: int) -> str:
    image = photograph(wearer, wearer.rig.views[view], frame / 30, 64, 64, sensor, frame_rng(5, frame, view))
    return hashlib.sha256(image.tobytes()).hexdigest()


def test_photographs_are_the_same_in_every_thread_and_order(wearer: Wearer, sensor: Sensor) -> None:
    jobs = [(view, frame) for frame in (3, 4, 5) for view in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda job: digest(wearer, sensor, *job), jobs))
    alone = [digest(wearer, sensor, *job) for job in reversed(jobs)][::-1]
    assert together == alone
    assert len(set(together)) == len(jobs)


def test_noise_depends_on_seed_frame_and_view_alone() -> None:
    first = frame_rng(1, 2, 3).random(4)
    np.testing.assert_array_equal(first, frame_rng(1, 2, 3).random(4))
    for other in ((2, 2, 3), (1, 3, 3), (1, 2, 2), (3, 2, 1)):
        assert not np.array_equal(first, frame_rng(*other).random(4))


def test_the_image_circle_is_black_outside_and_fades_inside(wearer: Wearer, rig: Rig, sensor: Sensor) -> None:
    noisy = replace(sensor, electrons=30.0, read_electrons=5.0, edge_softness=0.05, defocus_px=8.0)
    for index, view in enumerate(rig.views):
        image = photograph(wearer, view, 2.0, 218, 218, noisy, frame_rng(0, 0, index))
        mask = field_of_view_mask(scale_lens(rig[view].lens, 218, 218))
        assert image.shape == (218, 218, 3)
        assert image.dtype == np.uint8
        assert not image[~mask].any()
        rays = view_rays(rig[view].lens, 218, 218)
        values = image.reshape(-1, 3)[rays.places].mean(axis=1)
        rim, inner = values[rays.radius > 0.995], values[(rays.radius > 0.85) & (rays.radius < 0.94)]
        assert rim.mean() < 0.4 * inner.mean()


def test_exposure_scales_light(wearer: Wearer, sensor: Sensor) -> None:
    quiet = replace(sensor, electrons=1e9, read_electrons=0.0, contrast=0.0, saturation=1.0)
    images = []
    for exposure in (0.5 * sensor.exposure, sensor.exposure):
        darker = replace(quiet, exposure=exposure)
        image = photograph(wearer, "front_left", 2.0, 64, 64, darker, frame_rng(0, 0, 0))
        s = image / 255.0
        images.append(np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4))
    dim, bright = images
    fair = (dim > 0.02) & (bright < 0.95)
    assert fair.mean() > 0.2
    np.testing.assert_allclose((bright[fair] / dim[fair]).mean(), 2.0, rtol=0.02)


def test_noise_is_less_where_pixels_are_pooled(wearer: Wearer, sensor: Sensor) -> None:
    poor = replace(sensor, electrons=100.0, edge_defocus_px=0.0, defocus_px=0.0)
    found = {}
    for size in (872, 218):
        shots = [
            photograph(wearer, "back_left", 2.0, size, size, poor, frame_rng(seed, 0, 0), 1).astype(float)
            for seed in (1, 2)
        ]
        found[size] = (shots[0] - shots[1])[size // 3 : size // 2, size // 3 : size // 2].std()
    assert found[872] / found[218] == pytest.approx(4.0, rel=0.25)


def test_jpeg_has_the_quality_asked_for() -> None:
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 2)
    image[..., 0] //= 4
    sizes, errors = [], []
    for quality in (30, 60, 95):
        data = encode_jpeg(image, replace(plain_sensor(), jpeg_quality=quality))
        decoded = cv2.cvtColor(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        sizes.append(len(data))
        errors.append(float(np.abs(decoded.astype(int) - image).mean()))
    assert sizes == sorted(sizes)
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 4


def test_wrong_samples_views_and_sizes_are_named(wearer: Wearer) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="samples is 0; expected 1 or more"):
        photograph(wearer, "front_left", 0.0, 64, 64, plain_sensor(), rng, samples=0)
    with pytest.raises(KeyError, match="has no view 'top'"):
        photograph(wearer, "top", 0.0, 64, 64, plain_sensor(), rng)
    with pytest.raises(ValueError, match="no uniform scaling"):
        photograph(wearer, "front_left", 0.0, 64, 32, plain_sensor(), rng)
