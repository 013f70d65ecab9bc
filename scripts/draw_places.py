#!/usr/bin/env python3
"""Draw docs/images/synth_places.jpg: random places with a wearer, from outside and through two cameras of a rig."""

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.structures import FloatArray
from egorear_synth.place import Place, make_place
from egorear_synth.places.texture_folder import TextureFolder
from egorear_synth.procedural import ProceduralMotion
from egorear_synth.renderer import render_rays
from egorear_synth.tone import to_srgb
from egorear_synth.wearer import Wearer, make_wearer

FIELD_OF_VIEW = np.deg2rad(75)
SAMPLES = 2
GREY = 0.25
"""Mean of the pictures from outside, which are exposed as a camera would."""


def viewpoint(place: Place, middle: FloatArray) -> FloatArray:
    """Return whence a point is seen from farthest away, up to 3.4 m, (3,) m."""
    azimuths = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    rays = np.stack((np.cos(azimuths), np.sin(azimuths), np.full_like(azimuths, 0.4)), axis=1)
    rays = (rays / np.linalg.norm(rays, axis=1, keepdims=True)).astype(np.float32)
    origins = np.tile(middle.astype(np.float32), (len(rays), 1))
    free = np.minimum(place.surfaces.first_hits(origins, rays).distance, 3.6) - 0.2
    # Through a window one would look from outside, where there is no floor.
    ends = origins + free[:, None] * rays
    down = np.tile(np.array([0.0, 0.0, -1.0], dtype=np.float32), (len(rays), 1))
    free[np.isinf(place.surfaces.first_hits(ends, down).distance)] = 0.0
    best = int(free.argmax())
    return np.asarray(middle + free[best] * rays[best])


def outside(wearer: Wearer, place: Place, time_s: float, size_px: int) -> NDArray[np.uint8]:
    """Return a view of the wearer and the place around."""
    middle = np.append(wearer.pose_at(time_s).joints_world[[8, 9], :2].mean(axis=0), 0.8)
    eye = viewpoint(place, middle)
    forward = (middle - eye) / np.linalg.norm(middle - eye)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    grid = np.linspace(-1, 1, SAMPLES * size_px) * np.tan(FIELD_OF_VIEW / 2)
    across, up = np.meshgrid(grid, -grid)
    rays = forward + across[..., None] * right + up[..., None] * np.cross(right, forward)
    rays = (rays / np.linalg.norm(rays, axis=-1, keepdims=True)).reshape(-1, 3).astype(np.float32)
    spread = float(FIELD_OF_VIEW) / (SAMPLES * size_px)
    linear = render_rays(wearer.scene_at(time_s), place, eye, rays, spread)
    linear *= np.float32(GREY) / linear.mean()
    linear = linear.reshape(size_px, SAMPLES, size_px, SAMPLES, 3).clip(0, 1).mean(axis=(1, 3))
    return to_srgb(linear.astype(np.float32))


def swept(wearer: Wearer, times: FloatArray) -> FloatArray:
    """Return points of the body over some time, (N, 3) m."""
    return np.concatenate([wearer.scene_at(float(time)).vertices[::9] for time in times]).astype(np.float64)


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip())
    parser.add_argument("--rig", default="ego4view_syn", help="a name in calib/ or a YAML file")
    parser.add_argument("--seed", type=int, default=28, help="of the first place")
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument("--size", type=int, default=160, help="of each picture, px")
    parser.add_argument("--textures", type=Path, help="folder of your own textures")
    parser.add_argument("--facts", action="store_true", help="print what is recorded of every place")
    parser.add_argument("--out", type=Path, default=Path("docs/images/synth_places.jpg"))
    args = parser.parse_args()
    rig = load_rig(args.rig)
    folder = TextureFolder(args.textures) if args.textures else None
    cells = []
    for index in range(args.count):
        wearer = make_wearer(rig, args.seed + index)
        time_s = 3.0 + 7.0 * index
        place = make_place(
            np.random.default_rng(args.seed + index), swept(wearer, time_s + np.arange(-4, 4, 0.2)), folder
        )
        if args.facts:
            print(json.dumps(place.facts))
        motion = ProceduralMotion(wearer.person.body, args.seed + index)
        shown = Wearer(rig, wearer.person, motion, place, wearer.mount)
        views = [outside(wearer, place, time_s, args.size)]
        views += [shown.render(rig.views[view], time_s, args.size, args.size, SAMPLES) for view in (0, -1)]
        cells.append(np.concatenate(views, axis=1))
    rows = [np.concatenate(cells[begin : begin + 2], axis=1) for begin in range(0, len(cells) - 1, 2)]
    picture = Image.fromarray(np.concatenate(rows))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    picture.save(args.out, optimize=True, quality=88)


if __name__ == "__main__":
    main()
