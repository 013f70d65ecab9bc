"""Light along rays, as kernels: function by function what `shading` does in compiled loops, in single precision.

One thread takes all rays of one pixel and moment, so that sums have the same order whatever runs side by side.
"""

import math

import warp as wp

from egorear_synth.gpu.scene_tables import DeviceBody, DevicePlace
from egorear_synth.shading import SURFACE_OFFSET

wp.set_module_options({"enable_backward": False})

FAR_M = wp.constant(1.0e30)
NOWHERE_M = wp.constant(math.inf)
OFFSET_M = wp.constant(SURFACE_OFFSET)


@wp.func
def texel(place: DevicePlace, index: wp.int32) -> wp.vec3:
    """Return the linear RGB of a texel."""
    return wp.vec3(
        place.linear_of_srgb[wp.int32(place.texels[index, 0])],
        place.linear_of_srgb[wp.int32(place.texels[index, 1])],
        place.linear_of_srgb[wp.int32(place.texels[index, 2])],
    )


@wp.func
def sample(place: DevicePlace, texture: wp.int32, u: wp.float32, v: wp.float32, footprint: wp.float32) -> wp.vec3:
    """Return the linear RGB of a texture, smoothed between texels; see `shading.sample`."""
    finest = place.finest[texture]
    size = wp.int32(1) << finest
    level = wp.int32(0)
    texels = footprint * wp.float32(size) * 0.7071
    while texels > 1.0 and level < finest:
        texels *= 0.5
        size = size >> 1
        level += 1
    x = (u - wp.floor(u)) * wp.float32(size) - 0.5
    y = (v - wp.floor(v)) * wp.float32(size) - 0.5
    x0 = wp.floor(x)
    y0 = wp.floor(y)
    fx = x - x0
    fy = y - y0
    left = wp.int32(x0) & (size - 1)
    top = wp.int32(y0) & (size - 1)
    right = (left + 1) & (size - 1)
    bottom = (top + 1) & (size - 1)
    start = place.starts[texture, level]
    upper = start + top * size
    lower = start + bottom * size
    return (
        (1.0 - fx) * (1.0 - fy) * texel(place, upper + left)
        + fx * (1.0 - fy) * texel(place, upper + right)
        + (1.0 - fx) * fy * texel(place, lower + left)
        + fx * fy * texel(place, lower + right)
    )


@wp.func
def sky_light(place: DevicePlace, ray: wp.vec3, spread: wp.float32) -> wp.vec3:
    """Return what is seen beyond all surfaces; see `shading._sky`."""
    height = wp.max(ray[2], 0.0)
    share = wp.float32(0.0)
    if place.cover > 0.0 and height > 0.02:
        scale = 0.35 / (height + 0.1)
        cloud = sample(place, place.sky, ray[0] * scale, ray[1] * scale, spread * scale / height)
        share = wp.clamp((cloud[0] - 1.0 + place.cover) * 3.0, 0.0, 1.0)
    clear = place.horizon + height * (place.zenith - place.horizon)
    return clear + share * (place.clouds - clear)


@wp.func
def scatter(ray: wp.vec3, reach: wp.float32) -> wp.vec3:
    """Return a vector of up to `reach` along each axis that looks random; see `shading._scatter`."""
    scale = 1048576.0
    a = wp.uint32(wp.int32(ray[0] * scale)) * wp.uint32(1664525)
    a = a + wp.uint32(wp.int32(ray[1] * scale)) * wp.uint32(22695477)
    a = a + wp.uint32(wp.int32(ray[2] * scale)) * wp.uint32(747796405) + wp.uint32(277803737)
    a = ((a >> ((a >> wp.uint32(28)) + wp.uint32(4))) ^ a) * wp.uint32(277803737)
    a = (a >> wp.uint32(22)) ^ a
    step = reach * (2.0 / 1023.0)
    return wp.vec3(
        wp.float32(a & wp.uint32(1023)) * step - reach,
        wp.float32((a >> wp.uint32(10)) & wp.uint32(1023)) * step - reach,
        wp.float32((a >> wp.uint32(20)) & wp.uint32(1023)) * step - reach,
    )


@wp.func
def hidden(
    place: DevicePlace, body: DeviceBody, is_lamp: wp.bool, point: wp.vec3, towards: wp.vec3, far: wp.float32
) -> wp.bool:
    """Return whether something is in the way to a light."""
    shadowing = place.shadowing_sun
    if is_lamp:
        shadowing = place.shadowing_lamps
    if wp.mesh_query_ray_anyhit(body.mesh, point, towards, far):
        return True
    if shadowing == wp.uint64(0):
        return False
    return wp.mesh_query_ray_anyhit(shadowing, point, towards, far)


@wp.func
def lit_by(
    place: DevicePlace, body: DeviceBody, light: wp.int32, ray: wp.vec3, point: wp.vec3, normal: wp.vec3
) -> wp.vec3:
    """Return the irradiance of a surface by one light; see `shading.aim` and `shading.add_light`."""
    is_lamp = place.lamps[light] != 0
    towards = place.positions[light]
    if is_lamp:
        towards = towards - point
    if wp.dot(normal, towards) <= 0.0:
        return wp.vec3(0.0)
    towards = towards + scatter(ray, place.radii[light])
    squared = wp.dot(towards, towards)
    scale = 1.0 / wp.sqrt(squared)
    towards = towards * scale
    cosine = wp.dot(normal, towards)
    if cosine <= 0.0:
        return wp.vec3(0.0)
    far = wp.float32(10000.0)
    weight = cosine
    if is_lamp:
        far = squared * scale
        weight = cosine / squared
    if hidden(place, body, is_lamp, point, towards, far):
        return wp.vec3(0.0)
    return weight * place.strengths[light]


@wp.func
def light_along(place: DevicePlace, body: DeviceBody, start: wp.vec3, ray: wp.vec3, spread: wp.float32) -> wp.vec3:
    """Return the linear RGB seen along a ray with unit direction; see `shading.shade`."""
    distance = FAR_M
    normal = wp.vec3(0.0)
    albedo = wp.vec3(0.0)
    glow = wp.float32(0.0)
    still = wp.mesh_query_ray(place.seen, start, ray, FAR_M)
    if still.result:
        distance = still.t
    moving = wp.mesh_query_ray(body.mesh, start, ray, distance)
    if moving.result:
        distance = moving.t
        first = 3 * moving.face
        last = 1.0 - moving.u - moving.v
        # Warp's u and v belong to the first two corners, Embree's to the last two.
        normal = wp.normalize(
            moving.u * body.normals[body.faces[first]]
            + moving.v * body.normals[body.faces[first + 1]]
            + last * body.normals[body.faces[first + 2]]
        )
        albedo = body.colours[moving.face]
    elif still.result:
        patch = place.face_patches[still.face]
        normal = place.normals[patch]
        cosine = wp.dot(ray, normal)
        if cosine > 0.0:
            normal = -normal
        met = start + distance * ray
        met4 = wp.vec4(met[0], met[1], met[2], 1.0)
        footprint = spread * distance / wp.sqrt(wp.max(wp.abs(cosine), 0.01))
        albedo = wp.cw_mul(
            sample(
                place,
                place.textures[patch],
                wp.dot(place.across[patch], met4),
                wp.dot(place.along[patch], met4),
                footprint / place.repeats[patch],
            ),
            place.tints[patch],
        )
        glow = place.glows[patch]
    else:
        return sky_light(place, ray, spread)
    share = distance / place.haze_m
    haze = 1.0 - wp.exp(-share * share)
    upwards = 0.5 + 0.5 * normal[2]
    albedo = albedo * (1.0 - haze)
    point = start + distance * ray + OFFSET_M * normal
    irradiance = place.below + upwards * (place.above - place.below) + wp.vec3(glow)
    for light in range(place.positions.shape[0]):
        irradiance += lit_by(place, body, light, ray, point, normal)
    return wp.cw_mul(albedo, irradiance) + haze * place.horizon


@wp.kernel
def gather(
    place: DevicePlace,
    body: DeviceBody,
    shot_of: wp.array[wp.int32],
    centres: wp.array[wp.vec3],
    across: wp.array[wp.vec3],
    down: wp.array[wp.vec3],
    origins: wp.array[wp.vec3],
    rotations: wp.array[wp.mat33],
    spreads: wp.array[wp.float32],
    offsets: wp.array3d[wp.float32],
    passes: wp.array[wp.int32],
    share: wp.float32,
    light: wp.array[wp.vec3],
) -> None:
    """Add the light of the rays of one moment to every pixel of every view.

    Args:
        place: what stands still.
        body: posed at this moment.
        shot_of: (P,) view of each pixel.
        centres: (P,) rays of the pixels, see `ViewRays`.
        across: (P,) of `ViewRays`.
        down: (P,) of `ViewRays`.
        origins: (V,) of the cameras at this moment, world, m.
        rotations: (V,) from the camera to the world.
        spreads: (V,) angle between neighbouring rays, rad.
        offsets: (S, 2, P) where within its pixel each ray goes, px; (0, 2, P): all through the centre.
        passes: which of the S rays of a pixel belong to this moment.
        share: of each ray in its pixel's light.
        light: (P,) linear RGB so far.
    """
    pixel = wp.tid()
    shot = shot_of[pixel]
    total = wp.vec3(0.0)
    for index in range(passes.shape[0]):
        ray = centres[pixel]
        if offsets.shape[0] > 0:
            ray = (
                ray + offsets[passes[index], 0, pixel] * across[pixel] + offsets[passes[index], 1, pixel] * down[pixel]
            )
        total += light_along(place, body, origins[shot], rotations[shot] * ray, spreads[shot])
    light[pixel] = light[pixel] + share * total


@wp.kernel
def first_hits(
    mesh: wp.uint64,
    origins: wp.array[wp.vec3],
    directions: wp.array[wp.vec3],
    limits: wp.array[wp.float32],
    distances: wp.array[wp.float32],
    faces: wp.array[wp.int32],
    places: wp.array[wp.vec2],
) -> None:
    """Find the first hits of rays with a mesh, with `BodyHits`' meaning of u and v."""
    ray = wp.tid()
    found = wp.mesh_query_ray(mesh, origins[ray], directions[ray], limits[ray])
    distances[ray] = NOWHERE_M
    faces[ray] = -1
    if found.result:
        distances[ray] = found.t
        faces[ray] = found.face
        places[ray] = wp.vec2(found.v, 1.0 - found.u - found.v)
