#!/usr/bin/env python3
"""Draw docs/images/joints.png: a body from the front and from its left, with the 16 joints marked and named."""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import FloatArray
from egorear_synth.body import Body, make_body
from egorear_synth.dressing import dress
from egorear_synth.outfit import make_outfit
from egorear_synth.phenotype import Phenotype
from egorear_synth.renderer import Scene
from egorear_synth.skinning import joint_positions, vertex_normals

HEIGHT_PX = 780
SCALE_PX = 430.0
"""Pixels per metre."""

SIDE_COLOURS = {"left": (196, 138, 0), "right": (0, 120, 190), "centre": (40, 40, 40)}


def picture(scene: Scene, body: Body, eye: FloatArray, right: FloatArray, width_px: int) -> NDArray[np.uint8]:
    """Return a (HEIGHT_PX, width, 3) parallel projection of a resting body, shaded in grey."""
    toward = np.cross([0.0, 0.0, 1.0], right)
    size = np.array([2 * HEIGHT_PX, 2 * width_px])
    across = (np.arange(size[1]) + 0.5 - size[1] / 2) / (2 * SCALE_PX)
    high = (size[0] - 30.5 - np.arange(size[0])) / (2 * SCALE_PX)
    start = (
        eye * [1, 1, 0] + across[None, :, None] * right + high[:, None, None] * np.array([0.0, 0.0, 1.0]) - 3 * toward
    )
    origins = start.reshape(-1, 3).astype(np.float32)
    hits = scene.first_hits(origins, np.repeat(toward[None].astype(np.float32), len(origins), axis=0))
    seen = hits.face >= 0
    normals = vertex_normals(body.vertices, body.faces)[body.faces[hits.face[seen]]]
    u, v = hits.u[seen, None], hits.v[seen, None]
    normal = (1 - u - v) * normals[:, 0] + u * normals[:, 1] + v * normals[:, 2]
    light = np.array([0.0, 0.0, 0.55]) - 0.75 * toward - 0.35 * right
    shade = np.full((len(origins), 3), 1.0)
    shade[seen] = np.array([0.80, 0.82, 0.86]) * (0.72 + 0.28 * np.clip(normal @ light, -0.4, 1.0))[:, None]
    small = shade.reshape(HEIGHT_PX, 2, width_px, 2, 3).mean(axis=(1, 3))
    return (255 * small).round().astype(np.uint8)


def annotate(image: Image.Image, places: FloatArray, left: bool, labelled: list[int]) -> None:
    """Draw bones and joints at (16, 2) pixels and write the joints' names beside the body.

    Args:
        image: the picture.
        places: (16, 2) px.
        left: names of joints in the left half go to the left edge.
        labelled: joints that are drawn.
    """
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(15)
    for parent, child in EGO4VIEW.bones:
        if parent not in labelled or child not in labelled:
            continue
        draw.line([*places[parent], *places[child]], fill=(120, 120, 120), width=2)
    edges: dict[bool, list[int]] = {True: [], False: []}
    for joint in labelled:
        edges[left and places[joint, 0] < image.width / 2].append(joint)
    for on_left, joints in edges.items():
        free = 8.0
        for joint in sorted(joints, key=lambda index: places[index, 1]):
            colour = SIDE_COLOURS[EGO4VIEW.side(joint)]
            name = f"{joint} {EGO4VIEW.joint_names[joint]}"
            x, y = places[joint]
            row = max(y, free)
            free = row + 20
            edge = (
                6 + draw.textlength(name, font=font) if on_left else image.width - 6 - draw.textlength(name, font=font)
            )
            draw.line([x, y, edge + (4 if on_left else -4), row], fill=colour, width=1)
            draw.text((6 if on_left else edge, row - 9), name, fill=colour, font=font)
    for joint in labelled:
        x, y = places[joint]
        draw.ellipse([x - 6, y - 6, x + 6, y + 6], fill=SIDE_COLOURS[EGO4VIEW.side(joint)], outline="white", width=2)


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip())
    parser.add_argument("--out", type=Path, default=Path("docs/images/joints.png"))
    args = parser.parse_args()
    bare = make_body(Phenotype(male=0.6))
    outfit = make_outfit(np.random.default_rng(0), 0.6, 30.0)
    short = replace(outfit.hair_cut, style="short", depth_m=0.01)
    plain = replace(outfit, top="T-shirt", bottom="shorts", shoes="shoes", pattern="plain", gloves=None, hair_cut=short)
    plain = replace(plain, looseness=0.1, leg=0.7, sleeve=0.5)
    body, colours = dress(bare, plain)
    scene = Scene(body.vertices, vertex_normals(body.vertices, body.faces), body.faces, colours.astype(np.float32))
    joints = joint_positions(body, np.repeat(np.eye(4)[None], len(body.bone_names), axis=0))
    panels = []
    # From the front the wearer's left is on the right; from the left they look to the left.
    for right, width, labelled in (
        (np.array([0.0, 1.0, 0.0]), 860, list(range(16))),
        (np.array([-1.0, 0.0, 0.0]), 440, [0, 1, 2, 4, 6, 8, 10, 12, 14]),
    ):
        image = Image.fromarray(picture(scene, body, np.array([0.03, 0.0, 0.0]), right, width))
        u = width / 2 + (joints - [0.03, 0.0, 0.0]) @ right * SCALE_PX
        v = HEIGHT_PX - 15 - joints[:, 2] * SCALE_PX
        annotate(image, np.stack([u, v], axis=1), width > 500, labelled)
        panels.append(np.array(image))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(panels, axis=1)).quantize(128).save(args.out, optimize=True)


if __name__ == "__main__":
    main()
