#!/usr/bin/env python3
"""Draw docs/images/synth_gpu.jpg: the same photographs by both renderers, and their difference."""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from egorear_ros.geometry.rig_file import load_rig
from egorear_synth.camera.exposure import expose
from egorear_synth.camera.photograph import Frame, frame_rng, photographs
from egorear_synth.camera.sensor import plain_sensor
from egorear_synth.rendering import WARP, RendererChoice
from egorear_synth.wearer import Wearer, make_wearer

SIZE_PX = 256
CAPTION_PX = 26
BRIGHTER = 8


def captioned(pictures: list[NDArray[np.uint8]], text: str) -> Image.Image:
    """Return pictures side by side with a line of text above."""
    row = Image.fromarray(np.hstack(pictures))
    image = Image.new("RGB", (row.width, row.height + CAPTION_PX), "white")
    image.paste(row, (0, CAPTION_PX))
    ImageDraw.Draw(image).text((6, 4), text, fill="black", font=ImageFont.load_default(15))
    return image


def main() -> None:
    """Draw the picture and print how much the renderers differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=5, help="of person, place and motion")
    parser.add_argument("--time", type=float, default=7.5, help="moment, s")
    parser.add_argument("--device", default="cpu", help="of Warp: cpu or cuda")
    parser.add_argument("--out", type=Path, default=Path("docs/images/synth_gpu.jpg"))
    args = parser.parse_args()
    rig = load_rig("ego4view_syn")
    one = make_wearer(rig, args.seed)
    choice = RendererChoice(WARP, args.device)
    two = Wearer(rig, one.person, one.motion, one.place, one.mount, choice)
    sensor, shots = expose(plain_sensor(), one, 0.0), []
    for wearer in (one, two):
        frames = [Frame(view, SIZE_PX, SIZE_PX, frame_rng(0, 0, index)) for index, view in enumerate(rig.views)]
        shots.append(photographs(wearer, frames, args.time, sensor))
    differences = [np.abs(first.astype(int) - second) for first, second in zip(*shots, strict=True)]
    shown = [np.clip(BRIGHTER * difference, 0, 255).astype(np.uint8) for difference in differences]
    device = two.renderer.check()["device"]
    rows = [
        captioned(shots[0], "Embree, on the processor"),
        captioned(shots[1], f"Warp, on {'the processor' if device == 'cpu' else device}"),
        captioned(shown, f"Difference, {BRIGHTER} times as bright"),
    ]
    image = Image.new("RGB", (rows[0].width, sum(row.height for row in rows)))
    for index, row in enumerate(rows):
        image.paste(row, (0, index * row.height))
    image.save(args.out, quality=90)
    every = np.concatenate([difference.ravel() for difference in differences])
    print(
        f"mean absolute difference {every.mean():.4f}, largest {every.max()}, above 2: {100 * (every > 2).mean():.3f} %"
    )


if __name__ == "__main__":
    main()
