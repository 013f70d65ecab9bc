#!/usr/bin/env python3
"""Draw docs/images/synth_motion.png: random poses, gestures, and where they and clips bring the hands."""

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import FloatArray
from egorear_synth.body import Body, make_body
from egorear_synth.clips.load import load_clip
from egorear_synth.clips.retarget import ClipMotion
from egorear_synth.dataset.clip_list import find_clips
from egorear_synth.hand_coverage import CELL_M, cells, wrists_in_device
from egorear_synth.phenotype import Phenotype
from egorear_synth.placement import place_on_head
from egorear_synth.postures import POSTURES
from egorear_synth.procedural import ProceduralMotion
from egorear_synth.random_poses import RandomPoses
from egorear_synth.skinning import Pose, bone_transforms, joint_positions, skin
from egorear_synth.wearer import Motion

SIDE_COLOURS = {"left": "#d98a00", "right": "#0085b0", "centre": "#444444"}
STEP_S = 0.2


def draw_figure(axes: Axes, body: Body, pose: Pose, title: str) -> None:
    """Draw skin and joints of a pose, seen from ahead and to the left."""
    T_bones = bone_transforms(body, pose)
    joints, vertices = joint_positions(body, T_bones), skin(body, T_bones, body.vertices)
    middle = 0.5 * (vertices[:, :2].min(axis=0) + vertices[:, :2].max(axis=0))
    heading = np.arctan2(pose.rotations[0][1, 1], pose.rotations[0][0, 1]) - np.pi / 2 - 0.9

    def flat(points: FloatArray) -> FloatArray:
        x, y = (points[:, :2] - middle).T
        return np.stack([-np.sin(heading) * x + np.cos(heading) * y, points[:, 2]], axis=1)

    across, up = flat(vertices).T
    axes.scatter(across, up, s=0.8, color="#b0b0b0", linewidths=0)
    places = flat(joints)
    for parent, child in EGO4VIEW.bones:
        axes.plot(*places[[parent, child]].T, color=SIDE_COLOURS[EGO4VIEW.side(child)], linewidth=1.6)
    axes.axhline(0.0, color="#888888", linewidth=0.8)
    axes.set(xlim=(-1.0, 1.0), ylim=(-0.08, 2.15), aspect="equal", title=title.replace("_", " "))
    axes.title.set_fontsize(8)
    axes.axis("off")


def random_figures(body: Body) -> list[tuple[str, Pose]]:
    """Return one pose of every posture, from the first seeds that have it."""
    found: dict[str, Pose] = {}
    for seed in range(20):
        motion = RandomPoses(body, seed)
        for key, time_s in zip(motion.keys, motion.key_times, strict=True):
            found.setdefault(key.posture, motion.pose_at(float(time_s)))
        if len(found) == len(POSTURES):
            break
    return [(name, found[name]) for name in POSTURES if name in found]


def gesture_figures(body: Body, count: int) -> list[tuple[str, Pose]]:
    """Return different gestures at their middle, from several seeds."""
    found: dict[str, Pose] = {}
    for seed in range(6):
        motion = ProceduralMotion(body, seed)
        for name, begin_s, end_s in motion.gestures:
            found.setdefault(name, motion.pose_at(begin_s + 0.42 * (end_s - begin_s)))
    names = sorted(found)
    return [(names[index], found[names[index]]) for index in np.linspace(0, len(names) - 1, count).astype(int)]


def measure(body: Body, motions: list[tuple[Motion, float]], seconds: float) -> FloatArray:
    """Return wrists in the device frame, spread evenly over motions of given lengths, s."""
    T_rest_device = place_on_head(load_rig("ego4view_syn"), body, body.vertices)
    total = sum(length for _, length in motions)
    wrists = []
    for motion, length in motions:
        count = max(2, round(seconds / STEP_S * length / total))
        wrists.append(wrists_in_device(body, motion, np.linspace(0.0, length, count).tolist(), T_rest_device))
    return np.concatenate(wrists)


def draw_coverage(axes: Axes, wrists: FloatArray, title: str) -> None:
    """Draw which cells hands come to, seen from the left: ahead is to the right, up is up."""
    reached = np.array(sorted(cells(wrists)))
    columns, counts = np.unique(reached[:, 1:], axis=0, return_counts=True)
    axes.scatter(-(columns[:, 0] + 0.5) * CELL_M, -(columns[:, 1] + 0.5) * CELL_M, c=counts, s=16, marker="s",
                 vmin=0, vmax=14, cmap="viridis")  # fmt: skip
    axes.plot(0, 0, "r^", markersize=5)
    axes.set(xlim=(-1.3, 1.0), ylim=(-1.2, 0.6), aspect="equal", title=title, xlabel="ahead of the device, m")
    axes.title.set_fontsize(8)


def main() -> None:
    """Write the picture and print the coverage."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip())
    parser.add_argument("--motion", default="", help="folder of clips, for the coverage; empty: without clips")
    parser.add_argument("--clip-rate", type=float, default=120.0, help="of AMC clips, frames/s")
    parser.add_argument("--seconds", type=float, default=300.0, help="of each kind of motion")
    parser.add_argument("--out", type=Path, default=Path("docs/images/synth_motion.png"))
    args = parser.parse_args()
    body = make_body(Phenotype(male=0.7))
    kinds: dict[str, list[tuple[Motion, float]]] = {}
    if args.motion:
        clips = [ClipMotion(body, load_clip(str(path), args.clip_rate)) for _, path in find_clips(args.motion)]
        kinds["clips"] = [(clip, clip.duration_s) for clip in clips]
    built_in = [ProceduralMotion(body, seed) for seed in range(4)]
    kinds["built-in motion"] = [(motion, motion.period_s) for motion in built_in]
    poses = [RandomPoses(body, seed) for seed in range(12)]
    kinds["random poses"] = [(motion, motion.period_s / 2) for motion in poses]
    wrists = {name: measure(body, motions, args.seconds) for name, motions in kinds.items()}
    wrists["all"] = np.concatenate(list(wrists.values()))
    every = cells(wrists["all"])
    figure = plt.figure(figsize=(14, 11))
    grid = figure.add_gridspec(4, 28, height_ratios=(1, 1, 1, 1.35))
    drawn = [*random_figures(body)[:13], *gesture_figures(body, 8)]
    for index, (name, pose) in enumerate(drawn):
        column = 4 * (index % 7)
        draw_figure(figure.add_subplot(grid[index // 7, column : column + 4]), body, pose, name)
    for index, (name, points) in enumerate(wrists.items()):
        share = len(cells(points)) / len(every)
        print(f"{name}: {len(cells(points))} cells, {100 * share:.0f} % of those that any comes to")
        axes = figure.add_subplot(grid[3, 7 * index + 1 : 7 * index + 6])
        draw_coverage(axes, points, f"{name}: {100 * share:.0f} % of all places" if name != "all" else "all together")
        if index == 0:
            axes.set_ylabel("above the device, m")
            axes.annotate("device", (0.0, 0.0), (0.25, 0.35), fontsize=8, arrowprops={"arrowstyle": "-", "lw": 0.6})
    figure.subplots_adjust(left=0.03, right=0.99, top=0.94, bottom=0.05, hspace=0.12)
    figure.suptitle(
        'Random poses, one of each posture; gestures of the built-in motion (from "adjust helmet" on). '
        "Left limbs orange, right ones blue.",
        fontsize=10,
    )
    figure.text(
        0.5,
        0.292,
        "Places around the device (red) that wrists come to, seen from the left, ahead is to the right. "
        "The brighter, the more places from left to right, of 10 cm each.",
        ha="center",
        fontsize=10,
    )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(args.out, dpi=75)


if __name__ == "__main__":
    main()
