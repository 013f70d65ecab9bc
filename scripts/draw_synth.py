#!/usr/bin/env python3
"""Draw the pictures of docs/synthetic_data.md from a data set of `egorear synth`: contact sheets and poses in 3D."""

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.geometry.transforms import transform_points
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.sources.sequence import RIG_FILE
from egorear_ros.structures import Rig
from egorear_synth.dataset.finished import read_sequence, sequence_folders
from egorear_synth.dataset.read_back import read_frames
from egorear_synth.dataset.sheet import make_sheet

COLOURS = {"left": "#e08a1e", "right": "#2f7fd0", "centre": "#2a9d3a"}
POSES = 8


def draw_poses(root: Path, rig: Rig, path: Path) -> None:
    """Draw one pose of each of some sequences, on the floor, with the device frame on the head."""
    folders = sequence_folders(root)
    chosen = [folders[round(index)] for index in np.linspace(0, len(folders) - 1, POSES)]
    figure = Figure(figsize=(12.8, 6.8), dpi=100, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    for place, folder in enumerate(chosen):
        frames = read_frames(folder, rig.views)
        middle = len(frames.stems) // 2
        joints = transform_points(frames.T_world_device[middle], frames.device_cm[middle] / 100)
        T_world_device = frames.T_world_device[middle].copy()
        centre = joints[:, :2].mean(axis=0)
        joints[:, :2] -= centre
        T_world_device[:2, 3] -= centre
        axes = figure.add_subplot(2, POSES // 2, place + 1, projection="3d", computed_zorder=False)
        for parent, child in EGO4VIEW.bones:
            colour = COLOURS[EGO4VIEW.side(child)]
            axes.plot(*joints[[parent, child]].T, color=colour, linewidth=3, solid_capstyle="round")
        for axis, colour in zip(T_world_device[:3, :3].T, ("red", "green", "blue"), strict=True):
            axes.plot(*np.stack([T_world_device[:3, 3], T_world_device[:3, 3] + 0.2 * axis]).T, color=colour)
        # Climbers are high above the floor: everything becomes smaller, so that the floor is in the picture.
        edge = max(0.85, 0.5 * float(joints[:, 2].max()) + 0.05, 0.5 * float(T_world_device[2, 3]) + 0.05)
        axes.plot([-0.6, 0.6, 0.6, -0.6, -0.6], [-0.6, -0.6, 0.6, 0.6, -0.6], 0, color="0.7", linewidth=1)
        forward = -T_world_device[:2, 1]
        axes.view_init(elev=12, azim=float(np.rad2deg(np.arctan2(forward[1], forward[0]))) + 35)
        axes.set(xlim=(-edge, edge), ylim=(-edge, edge), zlim=(-0.05, 2 * edge - 0.05))
        axes.set_box_aspect((1, 1, 1), zoom=1.15)
        axes.set_axis_off()
        axes.set_title(_title(read_sequence(folder)["motion"]), fontsize=10)
    figure.suptitle(
        "Joints in the world. Orange: left; blue: right. Above the head, the device frame: x (red) to the right, "
        "y (green) to the rear, z (blue) down. Grey: 1.2 m of the floor.",
        fontsize=10,
    )
    figure.savefig(str(path))


def _title(motion: dict[str, Any]) -> str:
    where = ", above uneven ground" if motion.get("uneven_ground") else ""
    words = {"procedural": "built-in motion", "random": "random poses"}
    return f"clip {motion['clip']}{where}" if "clip" in motion else words[motion["kind"]]


def main() -> None:
    """Write synth_sheet_front.jpg, synth_sheet_rear.jpg, synth_poses.png and synth_three_cameras.jpg."""
    parser = argparse.ArgumentParser(description="Draw the pictures of docs/synthetic_data.md.")
    parser.add_argument("root", type=Path, help="a data set of the rig ego4view_syn")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs" / "images")
    parser.add_argument("--three", type=Path, help="a data set of the rig example_three_cameras")
    args = parser.parse_args()
    rig = load_rig(str(args.root / RIG_FILE))
    folders = sequence_folders(args.root)
    for name, side in (("front", "front_left"), ("rear", "back_left")):
        pair = (side, side.replace("left", "right"))
        sheet = make_sheet(folders, rig.select(pair), rows=4, sets=3, marked=(pair[1],))
        cv2.imwrite(str(args.out / f"synth_sheet_{name}.jpg"), sheet, [cv2.IMWRITE_JPEG_QUALITY, 88])
    draw_poses(args.root, rig, args.out / "synth_poses.png")
    if args.three:
        sheet = make_sheet(sequence_folders(args.three), load_rig(str(args.three / RIG_FILE)), rows=2, sets=2)
        cv2.imwrite(str(args.out / "synth_three_cameras.jpg"), sheet, [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
