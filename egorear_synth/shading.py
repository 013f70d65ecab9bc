"""Shading of ray hits, compiled: what NumPy would do in a hundred passes over memory is one here.

Every function works on M rays and fills arrays that the caller gives it. None allocates memory or holds
Python's lock, so that threads run side by side.
"""

import math
from typing import NamedTuple

import numpy as np

from egorear_synth.arrays import Bools, Floats32, Ints32
from egorear_synth.compiled import compiled
from egorear_synth.culling import meets
from egorear_synth.places.surfaces import PatchTable
from egorear_synth.places.texture import LINEAR_OF_SRGB, TexturePool

SURFACE_OFFSET = 0.004
"""Shadow rays start this far above a surface, m, or they would hit it again."""


class BodyHits(NamedTuple):
    """First hits of K rays with a body; face -1 and an infinite distance without one."""

    distance: Floats32
    face: Ints32
    u: Floats32
    v: Floats32


class BodyTable(NamedTuple):
    """A posed body: (F, 3) faces, (N, 3) unit normals, (F, 3) linear RGB of faces."""

    faces: Ints32
    normals: Floats32
    colours: Floats32


class Ambience(NamedTuple):
    """Light from all sides, and what is seen beyond all surfaces.

    Attributes:
        above: (3,) irradiance of a surface that looks up.
        below: (3,) of one that looks down.
        horizon: (3,) linear RGB.
        zenith: (3,) linear RGB.
        clouds: (3,) linear RGB.
        cover: 0 to 1, how much of the sky is cloud.
        haze_m: distance at which about two thirds of a surface's light is replaced by the horizon's.
        sky: index of the texture of clouds.
    """

    above: Floats32
    below: Floats32
    horizon: Floats32
    zenith: Floats32
    clouds: Floats32
    cover: np.float32
    haze_m: np.float32
    sky: np.int32


class Shaded(NamedTuple):
    """What M rays meet.

    Attributes:
        points: (M, 3) world, m, a little above the surface.
        normals: (M, 3) unit, towards the viewer; zero where there is only sky.
        albedo: (M, 3) light that one unit of irradiance adds to the pixel.
        colours: (M, 3) linear RGB so far.
    """

    points: Floats32
    normals: Floats32
    albedo: Floats32
    colours: Floats32


@compiled
def sample(pool: TexturePool, texture: int, u: float, v: float, footprint: float) -> tuple[float, float, float]:
    """Return the linear RGB of a texture, smoothed between texels.

    Args:
        pool: the textures.
        texture: which.
        u: place to the right, in repeats.
        v: place downwards, in repeats.
        footprint: width that the pixel covers, in repeats.
    """
    finest = pool.finest[texture]
    size = 1 << finest
    level = 0
    # The level whose texels are nearest to the footprint, on a logarithmic scale.
    texels = footprint * np.float32(size) * np.float32(0.7071)
    while texels > np.float32(1.0) and level < finest:
        texels *= np.float32(0.5)
        size >>= 1
        level += 1
    x, y = (
        (u - np.floor(u)) * np.float32(size) - np.float32(0.5),
        (v - np.floor(v)) * np.float32(size) - np.float32(0.5),
    )
    x0, y0 = np.floor(x), np.floor(y)
    fx, fy = x - x0, y - y0
    # Sizes are powers of two, so the remainder is a mask, right for -1 as well.
    left, top = np.int32(x0) & (size - 1), np.int32(y0) & (size - 1)
    right, bottom = (left + 1) & (size - 1), (top + 1) & (size - 1)
    start = pool.starts[texture, level]
    a, b = start + top * size + left, start + top * size + right
    c, d = start + bottom * size + left, start + bottom * size + right
    one = np.float32(1.0)
    wa, wb, wc, wd = (one - fx) * (one - fy), fx * (one - fy), (one - fx) * fy, fx * fy
    t, lut = pool.texels, LINEAR_OF_SRGB
    return (
        wa * lut[t[a, 0]] + wb * lut[t[b, 0]] + wc * lut[t[c, 0]] + wd * lut[t[d, 0]],
        wa * lut[t[a, 1]] + wb * lut[t[b, 1]] + wc * lut[t[c, 1]] + wd * lut[t[d, 1]],
        wa * lut[t[a, 2]] + wb * lut[t[b, 2]] + wc * lut[t[c, 2]] + wd * lut[t[d, 2]],
    )


@compiled
def _sky(out: Floats32, ray: Floats32, ambience: Ambience, pool: TexturePool, spread: float) -> None:
    height = max(ray[2], np.float32(0.0))
    share = np.float32(0.0)
    if ambience.cover > 0 and height > np.float32(0.02):
        # Clouds lie on a plane; near the horizon they run together.
        scale = np.float32(0.35) / (height + np.float32(0.1))
        cloud, _, _ = sample(pool, ambience.sky, ray[0] * scale, ray[1] * scale, spread * scale / height)
        share = min(max((cloud - np.float32(1) + ambience.cover) * np.float32(3), np.float32(0)), np.float32(1))
    for c in range(3):
        clear = ambience.horizon[c] + height * (ambience.zenith[c] - ambience.horizon[c])
        out[c] = clear + share * (ambience.clouds[c] - clear)


@compiled
def shade(
    start: Floats32,
    directions: Floats32,
    spread: float,
    chosen: Ints32,
    body_hits: BodyHits,
    body: BodyTable,
    distances: Floats32,
    static_faces: Ints32,
    face_patches: Ints32,
    patches: PatchTable,
    pool: TexturePool,
    ambience: Ambience,
    out: Shaded,
) -> None:
    """Find point, normal and colour of what each ray meets, and its light from all sides.

    Args:
        start: (3,) where the rays begin.
        directions: (M, 3) unit.
        spread: angle between neighbouring rays, rad.
        chosen: (M,) place of each ray's hit with the body; -1 if it has none.
        body_hits: hits with the body.
        body: its surface.
        distances: (M,) of hits with the place, m; infinite without one.
        static_faces: (M,) triangles of the place.
        face_patches: patch of each of these.
        patches: their surfaces.
        pool: their textures.
        ambience: light from all sides.
        out: what is found.
    """
    half, one = np.float32(0.5), np.float32(1.0)
    for ray in range(len(directions)):
        d = directions[ray]
        normal, albedo = out.normals[ray], out.albedo[ray]
        glow = np.float32(0.0)
        hit = chosen[ray]
        if hit >= 0 and body_hits.distance[hit] < distances[ray]:
            distance = body_hits.distance[hit]
            face, u, v = body_hits.face[hit], body_hits.u[hit], body_hits.v[hit]
            i, j, k = body.faces[face, 0], body.faces[face, 1], body.faces[face, 2]
            length = np.float32(0.0)
            for c in range(3):
                normal[c] = (one - u - v) * body.normals[i, c] + u * body.normals[j, c] + v * body.normals[k, c]
                length += normal[c] * normal[c]
                albedo[c] = body.colours[face, c]
            length = one / math.sqrt(max(length, np.float32(1e-12)))
            for c in range(3):
                normal[c] *= length
        elif distances[ray] < np.inf:
            distance = distances[ray]
            patch = face_patches[static_faces[ray]]
            n = patches.normals[patch]
            cosine = d[0] * n[0] + d[1] * n[1] + d[2] * n[2]
            sign = -one if cosine > 0 else one
            x, y, z = start[0] + distance * d[0], start[1] + distance * d[1], start[2] + distance * d[2]
            across, along = patches.across[patch], patches.along[patch]
            # Oblique rays cover more surface; the mean of both directions keeps texture without flicker.
            footprint = spread * distance / math.sqrt(max(abs(cosine), np.float32(0.01)))
            red, green, blue = sample(
                pool,
                patches.textures[patch],
                across[0] * x + across[1] * y + across[2] * z + across[3],
                along[0] * x + along[1] * y + along[2] * z + along[3],
                footprint / patches.repeats[patch],
            )
            albedo[0], albedo[1], albedo[2] = red, green, blue
            for c in range(3):
                normal[c] = sign * n[c]
                albedo[c] *= patches.tints[patch, c]
            glow = patches.glows[patch]
        else:
            normal[:] = 0
            albedo[:] = 0
            out.points[ray] = start
            _sky(out.colours[ray], d, ambience, pool, spread)
            continue
        haze = one - math.exp(-((distance / ambience.haze_m) ** 2))
        upwards = half + half * normal[2]
        for c in range(3):
            out.points[ray, c] = start[c] + distance * d[c] + np.float32(SURFACE_OFFSET) * normal[c]
            albedo[c] *= one - haze
            light = ambience.below[c] + upwards * (ambience.above[c] - ambience.below[c]) + glow
            out.colours[ray, c] = albedo[c] * light + haze * ambience.horizon[c]


class LightRays(NamedTuple):
    """Rays towards a light from the K surfaces that face it; arrays have room for M.

    Attributes:
        origins: (M, 3) m.
        directions: (M, 3) unit.
        distances: (M,) m.
        weights: (M,) irradiance, if nothing hides the light.
        rays: (M,) which ray's surface it is.
        near_static: (M,) whether something that stands still may be in the way.
        near_body: (M,) whether the body may be in the way.
    """

    origins: Floats32
    directions: Floats32
    distances: Floats32
    weights: Floats32
    rays: Ints32
    near_static: Bools
    near_body: Bools


@compiled
def _scatter(x: float, y: float, z: float, reach: float) -> tuple[float, float, float]:
    """Return a vector of up to `reach` along each axis that looks random but depends on the arguments alone."""
    # Source: the permutation of PCG, O'Neill 2014; Jarzynski and Olano, Hash functions for GPU rendering, 2020.
    scale = np.float32(1 << 20)
    a = np.uint32(np.int32(x * scale)) * np.uint32(1664525) + np.uint32(np.int32(y * scale)) * np.uint32(22695477)
    a = np.uint32(a + np.uint32(np.int32(z * scale)) * np.uint32(747796405) + np.uint32(277803737))
    a = np.uint32(((a >> ((a >> np.uint32(28)) + np.uint32(4))) ^ a) * np.uint32(277803737))
    a = (a >> np.uint32(22)) ^ a
    step, half = np.float32(reach * (2.0 / 1023.0)), np.float32(reach)
    return (
        np.float32(a & np.uint32(1023)) * step - half,
        np.float32((a >> np.uint32(10)) & np.uint32(1023)) * step - half,
        np.float32((a >> np.uint32(20)) & np.uint32(1023)) * step - half,
    )


@compiled
def aim(
    directions: Floats32,
    shaded: Shaded,
    light: Floats32,
    is_point: bool,
    softness: float,
    static_cells: Bools,
    body_cells: Bools,
    box: Floats32,
    out: LightRays,
) -> int:
    """Fill in the rays towards a light and return their number.

    Args:
        directions: (M, 3) of the rays from the camera; they decide where on the light a ray ends.
        shaded: what these rays met.
        light: (3,) place of a lamp, m, or unit direction towards a distant light.
        is_point: whether it is a lamp.
        softness: radius of a lamp, m, or of a distant light, rad.
        static_cells: directions from a lamp in which something stands still; see `culling`.
        body_cells: directions from a lamp in which the body is.
        box: (2, 3) lowest and highest corner of the box around the body, m.
        out: the rays.
    """
    count, one = 0, np.float32(1.0)
    tx, ty, tz = light[0], light[1], light[2]
    for ray in range(len(directions)):
        n, p, d = shaded.normals[ray], shaded.points[ray], directions[ray]
        if is_point:
            tx, ty, tz = light[0] - p[0], light[1] - p[1], light[2] - p[2]
        if n[0] * tx + n[1] * ty + n[2] * tz <= 0:
            continue
        x, y, z = _scatter(d[0], d[1], d[2], softness)
        x, y, z = tx + x, ty + y, tz + z
        squared = x * x + y * y + z * z
        scale = one / math.sqrt(squared)
        x, y, z = x * scale, y * scale, z * scale
        cosine = n[0] * x + n[1] * y + n[2] * z
        if cosine <= 0:
            continue
        out.origins[count, 0], out.origins[count, 1], out.origins[count, 2] = p[0], p[1], p[2]
        out.directions[count, 0], out.directions[count, 1], out.directions[count, 2] = x, y, z
        out.distances[count] = squared * scale if is_point else np.float32(1e4)
        out.weights[count] = cosine / squared if is_point else cosine
        out.rays[count] = ray
        enter, leave = np.float32(0.0), out.distances[count]
        for c in range(3):
            slope = one / out.directions[count, c]
            low, high = (box[0, c] - p[c]) * slope, (box[1, c] - p[c]) * slope
            enter, leave = max(enter, min(low, high)), min(leave, max(low, high))
        out.near_static[count] = not is_point or meets(static_cells, -tx, -ty, -tz)
        out.near_body[count] = enter <= leave and (not is_point or meets(body_cells, -tx, -ty, -tz))
        count += 1
    return count


@compiled
def pick(rays: LightRays, near: Bools, hidden: Bools, out: LightRays) -> int:
    """Copy those of the first K rays that are not hidden yet and have something near, and return their number.

    Args:
        rays: towards a light.
        near: (M,) whether something may be in the way.
        hidden: (K,) whether something is.
        out: the copies; its `rays` are places among the K.
    """
    count = 0
    for index in range(len(hidden)):
        if near[index] and not hidden[index]:
            for c in range(3):
                out.origins[count, c] = rays.origins[index, c]
                out.directions[count, c] = rays.directions[index, c]
            out.distances[count] = rays.distances[index]
            out.rays[count] = index
            count += 1
    return count


@compiled
def mark(hidden: Bools, places: Ints32, found: Ints32) -> None:
    """Mark rays as hidden by what Embree found: the triangle in the way of each ray at `places`, or -1."""
    for index in range(len(found)):
        if found[index] >= 0:
            hidden[places[index]] = True


@compiled
def add_light(shaded: Shaded, rays: LightRays, hidden: Bools, strength: Floats32) -> None:
    """Add the light of the rays that nothing hides.

    Args:
        shaded: what is lit.
        rays: towards the light.
        hidden: (K,) of the first K rays.
        strength: (3,) linear RGB.
    """
    for index in range(len(hidden)):
        if not hidden[index]:
            ray, weight = rays.rays[index], rays.weights[index]
            for c in range(3):
                shaded.colours[ray, c] += shaded.albedo[ray, c] * weight * strength[c]
