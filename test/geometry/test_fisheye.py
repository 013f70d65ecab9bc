import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from egorear_ros.geometry.fisheye import (
    check_lens,
    field_of_view_mask,
    max_radius,
    project,
    scale_lens,
    theta_at_radius,
    unproject,
)
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.geometry.transforms import invert_transform, transform_points
from egorear_ros.structures import EquidistantLens, Lens, OcamLens

GOLDEN = np.load(Path(__file__).parents[1] / "data" / "golden" / "geometry_metrics.npz")
SYN = load_rig("ego4view_syn")
SHIPPED = {
    f"{rig.name}-{camera.view}": camera.lens
    for rig in (SYN, load_rig("example_stereo_equidistant"))
    for camera in rig.cameras
}
WIDE = EquidistantLens(1000, 800, (280.0, 270.0), (490.0, 410.0), (0.02, -0.01, 0.002, -0.0003), math.radians(110.0))

shipped = pytest.mark.parametrize("lens", SHIPPED.values(), ids=SHIPPED)


def pixels_in_view(lens: Lens, count: int = 20000) -> np.ndarray:
    """Return (N, 2) pixels all over the field of view, many of them near its centre and its edge."""
    rng = np.random.default_rng(0)
    share = np.concatenate(
        [np.sqrt(rng.random(count)), 10.0 ** rng.uniform(-9, 0, count), 1 - 1e-7 * rng.random(count)]
    )
    angle = rng.uniform(0.0, 2 * math.pi, share.size)
    focal = lens.focal_px if isinstance(lens, EquidistantLens) else (1.0, 1.0)
    radius = max_radius(lens) * share
    return np.stack((radius * np.cos(angle) * focal[0], radius * np.sin(angle) * focal[1]), -1) + lens.center_px


@st.composite
def equidistant_lenses(draw: st.DrawFn) -> EquidistantLens:
    width, height = draw(st.integers(64, 4000)), draw(st.integers(64, 4000))
    focal = draw(st.floats(0.2, 0.6)) * width
    lens = EquidistantLens(
        width,
        height,
        (focal, focal * draw(st.floats(0.9, 1.1))),
        (width * draw(st.floats(0.4, 0.6)), height * draw(st.floats(0.4, 0.6))),
        (
            draw(st.floats(-0.03, 0.1)),
            draw(st.floats(-0.004, 0.01)),
            draw(st.floats(-0.0005, 0.001)),
            draw(st.floats(-5e-5, 1e-4)),
        ),
        math.radians(draw(st.floats(30.0, 120.0))),
    )
    check_lens(lens)
    return lens


@st.composite
def ocam_lenses(draw: st.DrawFn) -> OcamLens:
    """A shipped polynomial, enlarged, with its coefficients disturbed and a gap at the axis."""
    lens = draw(st.sampled_from([camera.lens for camera in SYN.cameras]))
    scale = draw(st.floats(0.2, 4.0))
    factors = draw(st.lists(st.floats(0.98, 1.02), min_size=len(lens.polynomial), max_size=len(lens.polynomial)))
    polynomial = [scale * value * factor for value, factor in zip(lens.polynomial, factors, strict=True)]
    polynomial[0] -= sum(value * (-math.pi / 2) ** power for power, value in enumerate(polynomial))
    polynomial[0] += draw(st.floats(-0.5, 0.5))
    size = int(872 * scale)
    max_theta = math.radians(draw(st.floats(40.0, 110.0)))
    result = OcamLens(size, size, (size / 2, size * 0.51), tuple(polynomial), max_theta)
    check_lens(result)
    return result


class TestRoundTrip:
    @shipped
    def test_unproject_inverts_project(self, lens: Lens) -> None:
        pixels = pixels_in_view(lens)
        rays, _ = unproject(pixels, lens)
        assert np.abs(project(rays, lens)[0] - pixels).max() < 1e-9
        np.testing.assert_allclose(np.linalg.norm(rays, axis=-1), 1.0, atol=1e-14)

    @shipped
    def test_single_precision_is_precise_enough(self, lens: Lens) -> None:
        pixels = pixels_in_view(lens).astype(np.float32)
        rays, _ = unproject(pixels, lens)
        back, _ = project(rays, lens)
        assert rays.dtype == back.dtype == np.float32
        assert np.abs(back - pixels).max() < 1e-3

    @shipped
    def test_project_inverts_unproject(self, lens: Lens) -> None:
        theta = np.linspace(0.0, lens.max_theta * (1 - 1e-9), 4001)
        rays = np.stack((np.sin(theta) * 0.6, np.sin(theta) * -0.8, np.cos(theta)), -1)
        np.testing.assert_allclose(unproject(project(rays, lens)[0], lens)[0], rays, atol=1e-9)

    @given(lens=st.one_of(equidistant_lenses(), ocam_lenses()))
    def test_any_lens(self, lens: Lens) -> None:
        pixels = pixels_in_view(lens, 300)
        assert np.abs(project(unproject(pixels, lens)[0], lens)[0] - pixels).max() < 1e-3


class TestProject:
    @pytest.mark.parametrize("camera", SYN.cameras, ids=SYN.views)
    def test_agrees_with_the_published_code(self, camera) -> None:  # type: ignore[no-untyped-def]
        joints_camera = transform_points(invert_transform(camera.T_device_camera), GOLDEN["points_cm"] / 100.0)
        pixels, _ = project(joints_camera, camera.lens)
        uv = pixels / (camera.lens.width, camera.lens.height)
        inside = ((uv > 0.0) & (uv < 1.0)).all(axis=-1)
        np.testing.assert_array_equal(inside, GOLDEN[f"syn_{camera.view}_in_fov"])
        np.testing.assert_allclose(np.clip(uv, 0.0, 1.0), GOLDEN[f"syn_{camera.view}_uv"], atol=1e-6)
        assert inside.any()
        assert not inside.all()

    def test_agrees_with_opencv_ahead_of_the_camera(self) -> None:
        rng = np.random.default_rng(1)
        points = rng.uniform((-3, -3, 0.05), (3, 3, 2), (5000, 3))
        K = np.array([[280.0, 0, 490.0], [0, 270.0, 410.0], [0, 0, 1]])
        expected, _ = cv2.fisheye.projectPoints(points[:, None], np.zeros(3), np.zeros(3), K, np.array(WIDE.distortion))
        np.testing.assert_allclose(project(points, WIDE)[0], expected[:, 0], atol=1e-9)

    def test_agrees_with_a_naive_ocam(self) -> None:
        lens = SYN["back_right"].lens
        assert isinstance(lens, OcamLens)
        for point in ((0.3, -0.2, 0.5), (1.0, 0.1, -0.2), (-2.0, 1.0, 0.0), (0.01, 0.0, 3.0)):
            x, y, z = point
            phi = math.atan(-z / math.hypot(x, y))
            rho = sum(value * phi**power for power, value in enumerate(lens.polynomial))
            expected = (x / math.hypot(x, y) * rho + lens.center_px[0], y / math.hypot(x, y) * rho + lens.center_px[1])
            np.testing.assert_allclose(project(np.array(point), lens)[0], expected, atol=1e-9)

    def test_continues_beyond_ninety_degrees(self) -> None:
        theta = np.radians([80.0, 89.0, 91.0, 103.0])
        pixels, visible = project(np.stack((np.sin(theta), 0 * theta, np.cos(theta)), -1), WIDE)
        assert visible.all()
        assert (np.diff(pixels[:, 0]) > 0).all()

    def test_points_out_of_view_are_finite_and_not_visible(self) -> None:
        out = np.array([(0, 0, -1.0), (0, 0, 0), (1e-9, 0, -1.0), (1, 0, -3), (0, -50, -20)])
        for lens in SHIPPED.values():
            pixels, visible = project(out, lens)
            assert np.isfinite(pixels).all()
            assert not visible.any()

    def test_image_corners_lie_beyond_the_field_of_view_and_are_not_clamped(self) -> None:
        lens = SYN["front_left"].lens
        theta = math.radians(115.0)
        (pixel,), (visible,) = project(
            np.array([[math.sin(theta) * 0.7, math.sin(theta) * 0.7, math.cos(theta)]]), lens
        )
        assert not visible
        assert math.dist(pixel, lens.center_px) > 600.0

    def test_inside_the_angle_but_outside_the_image_is_not_visible(self) -> None:
        theta = math.radians(100.0)
        pixels, visible = project(np.array([0.0, math.sin(theta), math.cos(theta)]), WIDE)
        assert pixels[1] > WIDE.height
        assert not visible

    def test_non_finite_points_are_not_visible(self) -> None:
        assert not project(np.array([np.nan, 0.1, 1.0]), WIDE)[1]

    def test_leading_dimensions_are_kept(self) -> None:
        pixels, visible = project(np.ones((2, 0, 5, 3)), WIDE)
        assert pixels.shape == (2, 0, 5, 2)
        assert visible.shape == (2, 0, 5)

    def test_wrong_last_axis(self) -> None:
        with pytest.raises(ValueError, match=r"points_camera has shape \(4, 2\); expected"):
            project(np.ones((4, 2)), WIDE)
        with pytest.raises(ValueError, match=r"pixels has shape \(3,\); expected"):
            unproject(np.ones(3), WIDE)


class TestUnproject:
    def test_agrees_with_opencv(self) -> None:
        K = np.array([[280.0, 0, 490.0], [0, 270.0, 410.0], [0, 0, 1]])
        pixels = np.random.default_rng(2).uniform((300, 250), (700, 550), (2000, 2))
        plane = cv2.fisheye.undistortPoints(pixels[:, None], K, np.array(WIDE.distortion))[:, 0]
        rays, visible = unproject(pixels, WIDE)
        assert visible.all()
        np.testing.assert_allclose(rays[:, :2] / rays[:, 2:], plane, atol=1e-6)

    def test_beyond_the_field_of_view_lies_its_edge(self) -> None:
        lens = SYN["front_left"].lens
        rays, visible = unproject(np.array([[0.0, 0.0], [871.0, 871.0]]), lens)
        assert not visible.any()
        np.testing.assert_allclose(np.arccos(rays[:, 2]), lens.max_theta, atol=1e-9)

    def test_mask_is_the_image_circle(self) -> None:
        for camera in SYN.cameras:
            v, u = np.indices((872, 872))
            radius = np.hypot(u - camera.lens.center_px[0], v - camera.lens.center_px[1])
            mask = field_of_view_mask(camera.lens)
            assert mask[radius < 435.9].all()
            assert not mask[radius > 436.1].any()


class TestTorch:
    @shipped
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_equals_numpy(self, lens: Lens, dtype: torch.dtype) -> None:
        points = torch.randn(3, 1000, 3, dtype=dtype, generator=torch.Generator().manual_seed(0))
        tolerance = 1e-3 if dtype == torch.float32 else 1e-9
        pixels, visible = project(points, lens)
        expected, expected_visible = project(points.numpy(), lens)
        assert pixels.dtype == dtype
        np.testing.assert_allclose(pixels.numpy(), expected, atol=tolerance)
        assert (visible.numpy() == expected_visible).mean() > 0.999
        rays, seen = unproject(pixels, lens)
        assert rays.dtype == dtype
        np.testing.assert_allclose(rays.numpy(), unproject(expected, lens)[0], atol=1e-5)
        assert seen.dtype == torch.bool

    @shipped
    def test_gradients_on_and_off_the_axis(self, lens: Lens) -> None:
        points = torch.tensor(
            [[0, 0, 1.0], [0, 0, 0.3], [1e-9, 0, 1], [0.2, -0.3, 0.4], [1, 1, -0.1]], dtype=torch.float64
        ).requires_grad_()
        assert torch.autograd.gradcheck(lambda p: project(p, lens)[0], points)
        cx, cy = lens.center_px
        pixels = torch.tensor([[cx, cy], [cx + 1e-4, cy], [cx + 30, cy - 99]], dtype=torch.float64).requires_grad_()
        assert torch.autograd.gradcheck(lambda p: unproject(p, lens)[0], pixels)

    def test_gradients_are_finite_where_the_direction_is_undefined(self) -> None:
        for lens in SHIPPED.values():
            points = torch.tensor([[0.0, 0, 0], [0, 0, -1]], requires_grad=True)
            project(points, lens)[0].sum().backward()
            assert points.grad is not None
            assert torch.isfinite(points.grad).all()

    @pytest.mark.cuda
    def test_stays_on_the_device(self) -> None:
        points = torch.randn(100, 3, device="cuda")
        pixels, visible = project(points, WIDE)
        rays, _ = unproject(pixels, WIDE)
        assert pixels.is_cuda
        assert visible.is_cuda
        assert rays.is_cuda
        np.testing.assert_allclose(pixels.cpu().numpy(), project(points.cpu().numpy(), WIDE)[0], atol=1e-2)


class TestScale:
    @shipped
    def test_scaled_lens_sees_the_scaled_image(self, lens: Lens) -> None:
        points = np.random.default_rng(3).normal(size=(500, 3))
        pixels, _ = project(points, lens)
        scaled, _ = project(points, scale_lens(lens, lens.width // 4, lens.height // 4))
        np.testing.assert_allclose(scaled, (pixels + 0.5) / 4 - 0.5, atol=1e-9)

    def test_other_aspect_ratio(self) -> None:
        with pytest.raises(ValueError, match="640x480 px is no uniform scaling of the calibrated 872x872 px"):
            scale_lens(SYN["front_left"].lens, 640, 480)


class TestCheck:
    def test_turning_polynomial(self) -> None:
        turning = EquidistantLens(100, 100, (30.0, 30.0), (50.0, 50.0), (-0.2, 0.0, 0.0, 0.0), 1.5)
        with pytest.raises(ValueError, match=r"stops growing 7\d\.\d degrees off the axis.*max_theta_deg"):
            check_lens(turning)

    def test_reversed_polynomial(self) -> None:
        lens = SYN["front_left"].lens
        assert isinstance(lens, OcamLens)
        reversed_lens = OcamLens(872, 872, lens.center_px, lens.polynomial[::-1], lens.max_theta)
        with pytest.raises(ValueError, match="px from center_px; expected 0. Are the coefficients ascending"):
            check_lens(reversed_lens)

    def test_angle_of_a_radius(self) -> None:
        for camera in SYN.cameras:
            assert theta_at_radius(camera.lens, 436.0) == pytest.approx(camera.lens.max_theta, abs=2e-5)
        with pytest.raises(ValueError, match="never reaches a radius of 9999 px"):
            theta_at_radius(WIDE, 9999.0)


def test_numpy_callers_need_no_torch() -> None:
    import subprocess
    import sys

    code = (
        "import sys, numpy as np; from egorear_ros.geometry.rig_file import load_rig; "
        "from egorear_ros.geometry.fisheye import project; "
        "project(np.ones((2, 3)), load_rig('ego4view_syn').cameras[0].lens); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False).returncode == 0
