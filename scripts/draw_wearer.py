#!/usr/bin/env python3
"""Draw docs/images/wearer.png: the synthetic wearer from outside and through all cameras of a rig."""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.skeleton import EGO4VIEW
from egorear_synth.renderer import render_rays
from egorear_synth.tone import to_srgb
from egorear_synth.wearer import Wearer, make_wearer

SIZE_PX = 300
FIELD_OF_VIEW = np.deg2rad(40)
SIDE_COLOURS = {"left": (255, 220, 0), "right": (0, 220, 255), "centre": (255, 255, 255)}


def outside(wearer: Wearer, time_s: float, azimuth: float) -> NDArray[np.uint8]:
    """Return a view of the wearer from `azimuth` (rad) left of straight ahead, 3.4 m away."""
    pose = wearer.pose_at(time_s)
    x, y = pose.joints_world[[8, 9], :2].mean(axis=0)
    middle = np.array([x, y, 0.95])
    ahead = -pose.T_world_device[:2, 1]
    angle = np.arctan2(ahead[1], ahead[0]) + azimuth
    eye = np.array([x + 3.4 * np.cos(angle), y + 3.4 * np.sin(angle), 1.45])
    forward = (middle - eye) / np.linalg.norm(middle - eye)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    grid = np.linspace(-1, 1, 2 * SIZE_PX) * np.tan(FIELD_OF_VIEW / 2)
    across, up = np.meshgrid(grid, -grid)
    rays = forward + across[..., None] * right + up[..., None] * np.cross(right, forward)
    rays = (rays / np.linalg.norm(rays, axis=-1, keepdims=True)).reshape(-1, 3).astype(np.float32)
    spread = float(FIELD_OF_VIEW) / (2 * SIZE_PX)
    colours = render_rays(wearer.scene_at(time_s), wearer.place, eye, rays, spread)
    return to_srgb(colours).reshape(2 * SIZE_PX, 2 * SIZE_PX, 3)


def through(wearer: Wearer, view: int, time_s: float) -> NDArray[np.uint8]:
    """Return what one camera sees, with the joints: filled where visible, hollow where hidden."""
    camera = wearer.rig.cameras[view]
    truth = wearer.truth(time_s)
    image = Image.fromarray(wearer.render(camera.view, time_s, SIZE_PX, SIZE_PX))
    draw = ImageDraw.Draw(image)
    pixels = (truth.pixels[view] + 0.5) * SIZE_PX / camera.lens.width - 0.5
    drawn = EGO4VIEW.heatmap_joints
    for parent, child in EGO4VIEW.bones:
        if parent in drawn and child in drawn:
            draw.line([*pixels[parent], *pixels[child]], fill=SIDE_COLOURS[EGO4VIEW.side(child)], width=2)
    for joint in drawn:
        colour = SIDE_COLOURS[EGO4VIEW.side(joint)]
        u, v = pixels[joint]
        draw.ellipse(
            [u - 4, v - 4, u + 4, v + 4], outline=colour, width=2, fill=colour if truth.visible[view, joint] else None
        )
    draw.text((4, 2), camera.view, fill="white")
    return np.array(image)


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip())
    parser.add_argument("--rig", default="ego4view_syn", help="a name in calib/ or a YAML file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--time", type=float, default=18.0, help="s")
    parser.add_argument("--clip", default="", help="AMC or BVH motion clip")
    parser.add_argument("--out", type=Path, default=Path("docs/images/wearer.png"))
    args = parser.parse_args()
    wearer = make_wearer(load_rig(args.rig), args.seed, args.clip)
    views = [through(wearer, view, args.time) for view in range(len(wearer.rig.cameras))]
    if len(views) % 2:
        views.append(np.zeros_like(views[0]))
    columns = [np.concatenate(pair) for pair in zip(views[: len(views) // 2], views[len(views) // 2 :], strict=True)]
    picture = np.concatenate([outside(wearer, args.time, 0.7), *columns], axis=1)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(
        args.out, optimize=True
    )


if __name__ == "__main__":
    main()
