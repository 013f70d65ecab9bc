#!/usr/bin/env python3
"""Draw docs/images/synth_camera.jpg: one moment seen by eight cameras, and a detail of each photograph."""

import argparse
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.skeleton import EGO4VIEW
from egorear_synth.camera.exposure import expose
from egorear_synth.camera.photograph import encode_jpeg, frame_rng, photograph
from egorear_synth.camera.sensor import Sensor, make_sensor, plain_sensor
from egorear_synth.wearer import Wearer, make_wearer

SHOWN_PX = 300
DETAIL_PX = 100
CAPTION_PX = 34
COLUMNS = 4
WRISTS = [EGO4VIEW.index("left_wrist"), EGO4VIEW.index("right_wrist")]


def busiest(wearer: Wearer, view: str, until_s: float = 60.0) -> tuple[float, tuple[int, int]]:
    """Return when a visible wrist moves fastest, s, and where it is in the image, px."""
    index, best = wearer.rig.views.index(view), (0.0, 0.0, (0, 0))
    for time_s in np.arange(0.5, until_s, 0.25).tolist():
        truth, later = wearer.truth(time_s), wearer.pose_at(time_s + 0.02)
        speeds = np.linalg.norm(later.joints_device[WRISTS] - truth.joints_device[WRISTS], axis=1)
        speeds = np.where(truth.visible[index, WRISTS], speeds, 0.0)
        if speeds.max() > best[0]:
            u, v = truth.pixels[index, WRISTS[int(speeds.argmax())]]
            best = (float(speeds.max()), time_s, (round(u), round(v)))
    return best[1], best[2]


def caption(sensor: Sensor, name: str) -> str:
    """Return what a sensor is like, in two lines."""
    red, _, blue = sensor.white_balance
    return (
        f"{name}: {sensor.exposure_bias_ev:+.1f} EV, red/blue {red / blue:.2f}, "
        f"shutter {1e3 * sensor.shutter_s:.0f} ms\n"
        f"{sensor.electrons:.0f} e-, defocus {sensor.defocus_px:.1f} to {sensor.edge_defocus_px:.1f} px, "
        f"vignetting {100 * sensor.vignetting:.0f} %, JPEG {sensor.jpeg_quality}"
    )


def cell(wearer: Wearer, view: str, time_s: float, place: tuple[int, int], number: int) -> NDArray[np.uint8]:
    """Return one photograph above its detail, which is around `place`, with a caption."""
    sensor = make_sensor(np.random.default_rng(number)) if number else plain_sensor()
    sensor = expose(sensor, wearer, 0.0)
    lens = wearer.rig[view].lens
    image = photograph(wearer, view, time_s, lens.width, lens.height, sensor, frame_rng(0, 0, number))
    image = np.array(Image.open(io.BytesIO(encode_jpeg(image, sensor))))
    half = DETAIL_PX // 2
    left = min(max(place[0], half), lens.width - half) - half
    top = min(max(place[1], half), lens.height - half) - half
    detail = Image.fromarray(image[top : top + DETAIL_PX, left : left + DETAIL_PX])
    shown_height = round(SHOWN_PX * lens.height / lens.width)
    canvas = Image.new("RGB", (SHOWN_PX, CAPTION_PX + shown_height + SHOWN_PX), "white")
    canvas.paste(Image.fromarray(image).resize((SHOWN_PX, shown_height), Image.Resampling.LANCZOS), (0, CAPTION_PX))
    canvas.paste(detail.resize((SHOWN_PX, SHOWN_PX), Image.Resampling.NEAREST), (0, CAPTION_PX + shown_height))
    draw = ImageDraw.Draw(canvas)
    scale = SHOWN_PX / lens.width
    draw.rectangle(
        [left * scale, CAPTION_PX + top * scale, (left + DETAIL_PX) * scale, CAPTION_PX + (top + DETAIL_PX) * scale],
        outline="yellow",
    )
    text = caption(sensor, "average" if number == 0 else f"sensor {number}")
    draw.multiline_text((2, 1), text, fill="black", font=ImageFont.load_default(10.5), spacing=2)
    return np.array(canvas)


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip())
    parser.add_argument("--rig", default="ego4view_syn", help="a name in calib/ or a YAML file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--view", default="", help="name of the view (default: the rig's first)")
    parser.add_argument("--out", type=Path, default=Path("docs/images/synth_camera.jpg"))
    args = parser.parse_args()
    wearer = make_wearer(load_rig(args.rig), args.seed)
    view = args.view or wearer.rig.views[0]
    time_s, place = busiest(wearer, view)
    cells = [cell(wearer, view, time_s, place, number) for number in range(2 * COLUMNS)]
    rows = [np.concatenate(cells[begin : begin + COLUMNS], axis=1) for begin in range(0, len(cells), COLUMNS)]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    # In true colour: a palette would add noise of its own.
    Image.fromarray(np.concatenate(rows)).save(args.out, optimize=True, quality=88)


if __name__ == "__main__":
    main()
