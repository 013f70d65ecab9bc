"""The camera, as kernels: what `optics` and `develop` do to the light of all views at once, in single precision.

Sums are of fixed parts in a fixed order, so that the same light gives the same bytes.
"""

import warp as wp

from egorear_synth.camera.develop import TONE_STEPS

wp.set_module_options({"enable_backward": False})

PARTS = 256
"""Parts of a view whose light is summed side by side."""

LAST_STEP = wp.constant(float(TONE_STEPS - 1))
PART_COUNT = wp.constant(PARTS)


@wp.struct
class DeviceCamera:
    """One view's camera: the numbers of `Sensor` at one moment, see there.

    Attributes:
        first_pixel: where the view's pixels begin among those of all views.
        pixels: how many they are.
        first_place: where the view's image begins among the images of all views.
        width, height: of the image, px.
        centre_reach, edge_reach: how far the blurs on the axis and at the edge reach, px.
        centre_weights, edge_weights: where the weights of these blurs begin in the table of weights.
        shot_noise, read_noise: (3,) variance per signal, and variance, of red, green and blue.
        colours: from the signal to linear sRGB: white balance and saturation.
        tones: which tone curve.
    """

    first_pixel: wp.int32
    pixels: wp.int32
    first_place: wp.int32
    width: wp.int32
    height: wp.int32
    centre_reach: wp.int32
    edge_reach: wp.int32
    centre_weights: wp.int32
    edge_weights: wp.int32
    glare: wp.float32
    vignetting: wp.float32
    vignetting_power: wp.float32
    edge_softness: wp.float32
    exposure: wp.float32
    shot_noise: wp.vec3
    read_noise: wp.vec3
    colours: wp.mat33
    tones: wp.int32


@wp.kernel
def lay_out(
    cameras: wp.array[DeviceCamera],
    shot_of: wp.array[wp.int32],
    places: wp.array[wp.int32],
    light: wp.array[wp.vec3],
    image: wp.array[wp.vec4],
) -> None:
    """Put the light of pixels within the image circles into black images; the fourth channel says where they are."""
    pixel = wp.int32(wp.tid())
    value = light[pixel]
    image[cameras[shot_of[pixel]].first_place + places[pixel]] = wp.vec4(value[0], value[1], value[2], 1.0)


@wp.func
def blurred_across(
    camera: DeviceCamera,
    image: wp.array[wp.vec4],
    weights: wp.array[wp.float32],
    first: wp.int32,
    reach: wp.int32,
    place: wp.int32,
) -> wp.vec4:
    """Return a place of an image blurred along its row; edges go on outside."""
    column = place % camera.width
    row = camera.first_place + place - column
    total = wp.vec4(0.0)
    for step in range(-reach, reach + 1):
        total += weights[first + step + reach] * image[row + wp.clamp(column + step, 0, camera.width - 1)]
    return total


@wp.func
def blurred_down(
    camera: DeviceCamera,
    image: wp.array[wp.vec4],
    weights: wp.array[wp.float32],
    first: wp.int32,
    reach: wp.int32,
    place: wp.int32,
) -> wp.vec4:
    """Return a place of an image blurred along its column."""
    column = place % camera.width
    row = place // camera.width
    total = wp.vec4(0.0)
    for step in range(-reach, reach + 1):
        other = wp.clamp(row + step, 0, camera.height - 1) * camera.width + column
        total += weights[first + step + reach] * image[camera.first_place + other]
    return total


@wp.kernel
def blur_across(
    cameras: wp.array[DeviceCamera],
    weights: wp.array[wp.float32],
    image: wp.array[wp.vec4],
    largest: wp.int32,
    sharp: wp.array[wp.vec4],
    soft: wp.array[wp.vec4],
) -> None:
    """Blur images of up to `largest` pixels along their rows, as on the axis and as at the edge."""
    thread = wp.int32(wp.tid())
    camera = cameras[thread // largest]
    place = thread % largest
    if place >= camera.width * camera.height:
        return
    there = camera.first_place + place
    sharp[there] = blurred_across(camera, image, weights, camera.centre_weights, camera.centre_reach, place)
    soft[there] = blurred_across(camera, image, weights, camera.edge_weights, camera.edge_reach, place)


@wp.kernel
def defocus(
    cameras: wp.array[DeviceCamera],
    weights: wp.array[wp.float32],
    shot_of: wp.array[wp.int32],
    places: wp.array[wp.int32],
    radius: wp.array[wp.float32],
    sharp: wp.array[wp.vec4],
    soft: wp.array[wp.vec4],
    light: wp.array[wp.vec3],
) -> None:
    """Finish the blur along columns, and mix both by the image radius; see `optics`."""
    pixel = wp.int32(wp.tid())
    camera = cameras[shot_of[pixel]]
    place = places[pixel]
    one = blurred_down(camera, sharp, weights, camera.centre_weights, camera.centre_reach, place)
    two = blurred_down(camera, soft, weights, camera.edge_weights, camera.edge_reach, place)
    mixed = one + radius[pixel] * radius[pixel] * (two - one)
    light[pixel] = wp.vec3(mixed[0], mixed[1], mixed[2]) / mixed[3]


@wp.kernel
def sum_parts(cameras: wp.array[DeviceCamera], light: wp.array[wp.vec3], sums: wp.array2d[wp.vec3d]) -> None:
    """Sum the light of every `PARTS`-th pixel of each view, from the first, the second, and so on."""
    thread = wp.int32(wp.tid())
    shot = thread // PART_COUNT
    part = thread % PART_COUNT
    camera = cameras[shot]
    total = wp.vec3d(wp.float64(0.0))
    for pixel in range(part, camera.pixels, PART_COUNT):
        value = light[camera.first_pixel + pixel]
        total = wp.add(total, wp.vec3d(wp.float64(value[0]), wp.float64(value[1]), wp.float64(value[2])))
    sums[shot, part] = total


@wp.kernel
def veil(cameras: wp.array[DeviceCamera], sums: wp.array2d[wp.vec3d], glare: wp.array[wp.vec3]) -> None:
    """Find the light that glare spreads over each view's image."""
    shot = wp.int32(wp.tid())
    camera = cameras[shot]
    total = wp.vec3d(wp.float64(0.0))
    for part in range(PART_COUNT):
        total = wp.add(total, sums[shot, part])
    mean = total / wp.float64(camera.pixels)
    glare[shot] = camera.glare * wp.vec3(wp.float32(mean[0]), wp.float32(mean[1]), wp.float32(mean[2]))


@wp.func
def transmission(camera: DeviceCamera, radius: wp.float32) -> wp.float32:
    """Return the share of light that passes at an image radius; see `optics.transmission`."""
    passed = 1.0 - camera.vignetting * wp.pow(radius, camera.vignetting_power)
    if camera.edge_softness <= 0.0:
        return passed
    inwards = wp.clamp((1.0 - radius) / camera.edge_softness, 0.0, 1.0)
    return passed * inwards * inwards * (3.0 - 2.0 * inwards)


@wp.kernel
def develop(
    cameras: wp.array[DeviceCamera],
    tone_table: wp.array2d[wp.uint8],
    shot_of: wp.array[wp.int32],
    radius: wp.array[wp.float32],
    light: wp.array[wp.vec3],
    glare: wp.array[wp.vec3],
    noise: wp.array[wp.vec3],
    values: wp.array2d[wp.uint8],
) -> None:
    """Turn light into the three sRGB bytes of each pixel; see `optics.through_lens` and `develop`."""
    pixel = wp.int32(wp.tid())
    shot = shot_of[pixel]
    camera = cameras[shot]
    behind = light[pixel] * (1.0 - camera.glare) + glare[shot]
    signal = behind * transmission(camera, radius[pixel]) * camera.exposure
    lit = wp.max(signal, wp.vec3(0.0))
    variance = wp.cw_mul(lit, camera.shot_noise) + camera.read_noise
    grain = wp.cw_mul(noise[pixel], wp.vec3(wp.sqrt(variance[0]), wp.sqrt(variance[1]), wp.sqrt(variance[2])))
    colours = camera.colours * (signal + grain)
    for channel in range(3):
        step = wp.int32(wp.clamp(colours[channel] * LAST_STEP, 0.0, LAST_STEP))
        values[pixel, channel] = tone_table[camera.tones, step]
