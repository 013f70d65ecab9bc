"""The cameras of all views on a device: from light there to the bytes of the images' pixels."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import warp as wp

from egorear_synth.arrays import Floats32
from egorear_synth.camera.develop import colour_matrix, noise_factors, tone_table
from egorear_synth.camera.finish import ViewCamera
from egorear_synth.camera.optics import SHARP_PX
from egorear_synth.camera.rays import ViewRays
from egorear_synth.gpu import camera_kernels
from egorear_synth.gpu.camera_kernels import PARTS, DeviceCamera

if TYPE_CHECKING:
    from egorear_synth.gpu.renderer import Batch


def blur_weights(sigma_px: float) -> Floats32:
    """Return the weights of a Gaussian blur along one axis, as OpenCV has them; one where nothing would change."""
    if sigma_px < SHARP_PX:
        return np.ones(1, dtype=np.float32)
    # Source: OpenCV, GaussianBlur, images of floating point: four standard deviations to each side.
    size = round(8 * sigma_px + 1) | 1
    return np.asarray(cv2.getGaussianKernel(size, sigma_px, cv2.CV_32F)[:, 0])


def finish_on_device(
    light: Any, noise: Any, batch: "Batch", views: Sequence[ViewRays], cameras: Sequence[ViewCamera], device: Any
) -> Any:
    """Return (P, 3) sRGB values of all views' pixels; see `finish.finish`.

    Args:
        light: (P,) linear RGB on the device; used up.
        noise: (P,) standard normal, on the device.
        batch: the pixels.
        views: the same pixels, view by view.
        cameras: of each view.
        device: where.
    """
    tables = [_table(camera, rays) for camera, rays in zip(cameras, views, strict=True)]
    blurs = [blur for _, (sharp, soft) in tables for blur in (sharp, soft)]
    begins = np.cumsum([0, *(len(blur) for blur in blurs)]).tolist()
    for number, (table, (sharp, soft)) in enumerate(tables):
        table.first_pixel, table.pixels = int(batch.ends[number]) - len(views[number].places), len(views[number].places)
        table.first_place = batch.first_places[number]
        table.centre_reach, table.edge_reach = len(sharp) // 2, len(soft) // 2
        table.centre_weights, table.edge_weights = begins[2 * number], begins[2 * number + 1]
        table.tones = number
    on_device = wp.array([table for table, _ in tables], dtype=DeviceCamera, device=device)
    tones = np.stack([tone_table(camera.sensor.contrast) for camera in cameras])
    if len(blurs) != sum(len(blur) for blur in blurs):
        weights = wp.array(np.concatenate(blurs), dtype=wp.float32, device=device)
        _defocus(light, on_device, weights, batch, views, device)
    sums = wp.empty((len(views), PARTS), dtype=wp.vec3d, device=device)
    glare = wp.empty(len(views), dtype=wp.vec3, device=device)
    values = wp.empty((batch.count, 3), dtype=wp.uint8, device=device)
    wp.launch(camera_kernels.sum_parts, len(views) * PARTS, [on_device, light], [sums], device=device)
    wp.launch(camera_kernels.veil, len(views), [on_device, sums], [glare], device=device)
    inputs = [on_device, wp.array(tones, dtype=wp.uint8, device=device), batch.shot_of, batch.radius]
    wp.launch(camera_kernels.develop, batch.count, [*inputs, light, glare, noise], [values], device=device)
    return values


def _table(camera: ViewCamera, rays: ViewRays) -> tuple[Any, tuple[Floats32, Floats32]]:
    """Return a view's camera for kernels, as far as it does not depend on other views, and its two blurs."""
    sensor, table = camera.sensor, DeviceCamera()
    table.width, table.height = rays.width, rays.height
    table.glare, table.exposure = sensor.glare, camera.exposure
    table.vignetting, table.vignetting_power = sensor.vignetting, sensor.vignetting_power
    table.edge_softness = sensor.edge_softness
    shot, read = noise_factors(sensor, camera.pooled(rays.width))
    table.shot_noise, table.read_noise = wp.vec3(*shot.tolist()), wp.vec3(*read.tolist())
    table.colours = wp.mat33(*colour_matrix(sensor, camera.time_s).ravel().tolist())
    scale = rays.width / camera.calibrated_width
    return table, (blur_weights(scale * sensor.defocus_px), blur_weights(scale * sensor.edge_defocus_px))


def _defocus(light: Any, cameras: Any, weights: Any, batch: "Batch", views: Sequence[ViewRays], device: Any) -> None:
    image = wp.zeros(batch.places_count, dtype=wp.vec4, device=device)
    sharp, soft = wp.empty_like(image), wp.empty_like(image)
    largest = max(rays.width * rays.height for rays in views)
    inputs = [cameras, batch.shot_of, batch.places, light]
    wp.launch(camera_kernels.lay_out, batch.count, inputs, [image], device=device)
    inputs = [cameras, weights, image, largest]
    wp.launch(camera_kernels.blur_across, len(views) * largest, inputs, [sharp, soft], device=device)
    inputs = [cameras, weights, batch.shot_of, batch.places, batch.radius, sharp, soft]
    wp.launch(camera_kernels.defocus, batch.count, inputs, [light], device=device)
