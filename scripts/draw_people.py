#!/usr/bin/env python3
"""Draw docs/images/synth_people.png: random people with the rig on, as they stand and walk."""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.structures import FloatArray, Rig
from egorear_synth.mount import make_mount
from egorear_synth.person import make_person
from egorear_synth.procedural import ProceduralMotion
from egorear_synth.renderer import Scene
from egorear_synth.skinning import bone_transforms, skin, vertex_normals

BACKGROUND = np.array([0.80, 0.82, 0.84])
FIELD_OF_VIEW = np.deg2rad(24)
LIGHT = np.array([0.45, -0.35, 0.82])


def posed(rig: Rig, seed: int, time_s: float, rig_on: bool) -> tuple[Scene, NDArray[np.int32], FloatArray, FloatArray]:
    """Return a person's scene, its faces and colours, and the place (3,) and heading of the pelvis."""
    rng = np.random.default_rng([seed, 0])
    person = make_person(rng)
    T = bone_transforms(person.body, ProceduralMotion(person.body, seed).pose_at(time_s))
    body, colours = person.body, person.face_colours
    if rig_on:
        mount = make_mount(rig, person, rng)
        head = T[person.body.bone("head")]
        T = np.concatenate([T, mount.rig_bone(head, time_s)[None]])
        body, colours = mount.wear(person, rig), mount.face_colours(person, mount.wear(person, rig))
    vertices = skin(body, T, body.vertices)
    pelvis = T[0] @ [*body.bone_heads[0], 1.0]
    scene = Scene(vertices, vertex_normals(vertices, body.faces), body.faces, colours.astype(np.float32))
    return scene, body.faces, colours, np.array([pelvis[0], pelvis[1], np.arctan2(T[0, 1, 0], T[0, 0, 0])])


def portrait(rig: Rig, seed: int, time_s: float, azimuth: float, size_px: int, rig_on: bool) -> NDArray[np.float64]:
    """Return the (2 size, size, 3) linear RGB picture of one person, `azimuth` (rad) left of straight ahead."""
    scene, faces, colours, (x, y, heading) = posed(rig, seed, time_s, rig_on)
    angle = heading + azimuth
    middle = np.array([x, y, 1.05])
    eye = middle + 5.4 * np.array([np.cos(angle), np.sin(angle), 0.12])
    forward = (middle - eye) / np.linalg.norm(middle - eye)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    up = np.cross(right, forward)
    high = np.linspace(1, -1, 2 * size_px) * np.tan(FIELD_OF_VIEW / 2)
    across = np.linspace(-0.5, 0.5, size_px) * np.tan(FIELD_OF_VIEW / 2)
    rays = forward + across[None, :, None] * right + high[:, None, None] * up
    rays = (rays / np.linalg.norm(rays, axis=-1, keepdims=True)).reshape(-1, 3).astype(np.float32)
    light = right * 0.5 + up * 0.75 - forward * 0.6
    return shade(scene, faces, colours, eye, rays, light / np.linalg.norm(light)).reshape(2 * size_px, size_px, 3)


def shade(
    scene: Scene,
    faces: NDArray[np.int32],
    colours: FloatArray,
    eye: FloatArray,
    rays: NDArray[np.float32],
    light: FloatArray,
) -> NDArray[np.float64]:
    """Return (M, 3) linear RGB of rays from a point: one light with shadows, a grey floor at z = 0."""
    origins = np.repeat(eye[None].astype(np.float32), len(rays), axis=0)
    hits = scene.first_hits(origins, rays)
    picture = np.tile(BACKGROUND * 0.75, (len(rays), 1))
    to_floor = np.where(rays[:, 2] < -1e-3, -eye[2] / np.minimum(rays[:, 2], -1e-3), np.inf)
    floor = np.flatnonzero((to_floor < hits.distance) & (to_floor < 30))
    picture[floor] = (
        BACKGROUND * (1.0 - 0.4 * _shadowed(scene, eye + to_floor[floor, None] * rays[floor], light))[:, None]
    )
    seen = np.flatnonzero(np.isfinite(hits.distance) & (hits.distance < to_floor))
    normals = vertex_normals(scene.vertices.astype(np.float64), faces)[faces[hits.face[seen]]]
    u, v = hits.u[seen, None], hits.v[seen, None]
    normal = (1 - u - v) * normals[:, 0] + u * normals[:, 1] + v * normals[:, 2]
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    # The inside of sleeves and skirts is seen from behind.
    normal *= -np.sign((normal * rays[seen]).sum(axis=1, keepdims=True))
    points = eye + hits.distance[seen, None] * rays[seen] + 0.004 * normal
    sun = np.maximum(normal @ light, 0.0) * ~_shadowed(scene, points, light)
    picture[seen] = colours[hits.face[seen]] * (0.45 + 0.12 * normal[:, 2] + 0.75 * sun)[:, None]
    return picture


def _shadowed(scene: Scene, points: FloatArray, light: FloatArray) -> NDArray[np.bool_]:
    rays = np.repeat(light[None].astype(np.float32), len(points), axis=0)
    return np.isfinite(scene.first_hits(points.astype(np.float32), rays).distance)


def to_bytes(linear: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return the sRGB picture of a linear one of twice the size."""
    height, width, _ = linear.shape
    small = linear.reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))
    return (255 * np.clip(small, 0, 1) ** (1 / 2.2)).round().astype(np.uint8)


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip())
    parser.add_argument("--rig", default="ego4view_syn", help="a name in calib/ or a YAML file")
    parser.add_argument("--first", type=int, default=0, help="seed of the first person")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--columns", type=int, default=12)
    parser.add_argument("--size", type=int, default=130, help="width of one person, px")
    parser.add_argument("--no-rig", action="store_true")
    parser.add_argument("--azimuth", type=float, help="degrees left of straight ahead; default: one of four")
    parser.add_argument("--out", type=Path, default=Path("docs/images/synth_people.png"))
    args = parser.parse_args()
    rig = load_rig(args.rig)
    pictures = []
    for seed in range(args.first, args.first + args.count):
        # Every third person faces away; all stand or walk.
        azimuth = (0.5, -0.7, 2.6)[seed % 3] if args.azimuth is None else np.deg2rad(args.azimuth)
        time_s = 0.0 if seed % 4 == 3 else 2.0 + 1.37 * seed
        pictures.append(to_bytes(portrait(rig, seed, time_s, azimuth, 2 * args.size, not args.no_rig)))
    rows = [np.concatenate(pictures[i : i + args.columns], axis=1) for i in range(0, len(pictures), args.columns)]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(rows)).quantize(256, method=Image.Quantize.FASTOCTREE).save(args.out, optimize=True)


if __name__ == "__main__":
    main()
