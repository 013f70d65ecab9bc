"""One small person, written both as ASF/AMC and as BVH: y up, z forward, x left, T-pose."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Bone:
    """A bone from its parent's end, in decimetres; `bvh` is the name of the joint at its beginning."""

    asf: str
    bvh: str
    parent: str
    vector: Vector


BONES = (
    Bone("lhipjoint", "LHipJoint", "root", (1.0, -0.5, 0.0)),
    Bone("lfemur", "LeftUpLeg", "lhipjoint", (0.0, -4.0, 0.0)),
    Bone("ltibia", "LeftLeg", "lfemur", (0.0, -4.0, 0.0)),
    Bone("lfoot", "LeftFoot", "ltibia", (0.0, -0.5, 1.5)),
    Bone("rhipjoint", "RHipJoint", "root", (-1.0, -0.5, 0.0)),
    Bone("rfemur", "RightUpLeg", "rhipjoint", (0.0, -4.0, 0.0)),
    Bone("rtibia", "RightLeg", "rfemur", (0.0, -4.0, 0.0)),
    Bone("rfoot", "RightFoot", "rtibia", (0.0, -0.5, 1.5)),
    Bone("lowerback", "Spine", "root", (0.0, 2.0, 0.0)),
    Bone("thorax", "Spine1", "lowerback", (0.0, 2.5, 0.0)),
    Bone("lowerneck", "Neck", "thorax", (0.0, 1.0, 0.0)),
    Bone("head", "Head", "lowerneck", (0.0, 1.5, 0.0)),
    Bone("lclavicle", "LeftShoulder", "thorax", (1.5, 0.0, 0.0)),
    Bone("lhumerus", "LeftArm", "lclavicle", (3.0, 0.0, 0.0)),
    Bone("lradius", "LeftForeArm", "lhumerus", (2.5, 0.0, 0.0)),
    Bone("lhand", "LeftHand", "lradius", (1.0, 0.0, 0.0)),
    Bone("rclavicle", "RightShoulder", "thorax", (-1.5, 0.0, 0.0)),
    Bone("rhumerus", "RightArm", "rclavicle", (-3.0, 0.0, 0.0)),
    Bone("rradius", "RightForeArm", "rhumerus", (-2.5, 0.0, 0.0)),
    Bone("rhand", "RightHand", "rradius", (-1.0, 0.0, 0.0)),
)

Frame = Mapping[str, Vector]
"""Rotations in degrees about x, y, z by ASF name, x first; missing bones are not turned. "position": the root's."""


def write_amc(folder: Path, frames: list[Frame], name: str = "07_01", tilt: Vector = (0.0, 0.0, 0.0)) -> Path:
    """Write `07.asf` and `<name>.amc`; `tilt` turns the axes in which the left femur's angles are given."""
    lines = [
        ":version 1.10",
        ":units",
        "  length 0.45",
        "  angle deg",
        ":root",
        "  order TX TY TZ RX RY RZ",
        "  axis XYZ",
    ]
    lines += ["  position 0 0 0", "  orientation 0 0 0", ":bonedata"]
    for bone in BONES:
        length = float(np.linalg.norm(bone.vector))
        direction = " ".join(str(value / length) for value in bone.vector)
        axis = " ".join(map(str, tilt if bone.asf == "lfemur" else (0, 0, 0)))
        lines += [
            "  begin",
            f"    name {bone.asf}",
            f"    direction {direction}",
            f"    length {length}",
            f"    axis {axis} XYZ",
        ]
        lines += [
            "    dof rx ry rz",
            "    limits (-180 180)",
            "           (-180 180)",
            "           (-180 180)",
            "  end",
        ]
    lines += [":hierarchy", "  begin", "    root " + " ".join(bone.asf for bone in BONES if bone.parent == "root")]
    for parent in BONES:
        children = [bone.asf for bone in BONES if bone.parent == parent.asf]
        if children:
            lines.append(f"    {parent.asf} {' '.join(children)}")
    (folder / "07.asf").write_text("\n".join([*lines, "  end", ""]))
    lines = ["#!OML:ASF", ":FULLY-SPECIFIED", ":DEGREES"]
    for number, frame in enumerate(frames, start=1):
        root = (*frame.get("position", (0.0, 0.0, 0.0)), *frame.get("root", (0.0, 0.0, 0.0)))
        lines += [str(number), "root " + " ".join(map(str, root))]
        lines += [f"{bone.asf} {' '.join(map(str, frame.get(bone.asf, (0.0, 0.0, 0.0))))}" for bone in BONES]
    path = folder / f"{name}.amc"
    path.write_text("\n".join([*lines, ""]))
    return path


def write_bvh(folder: Path, frames: list[Frame], rate_hz: float = 50.0, prefix: str = "") -> Path:
    """Write `clip.bvh`."""
    order = [""]
    lines = ["HIERARCHY", f"ROOT {prefix}Hips", "{", "OFFSET 0 0 0"]
    lines.append("CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation")

    def joint(bone: Bone, offset: Vector) -> None:
        order.append(bone.asf)
        lines.extend([f"JOINT {prefix}{bone.bvh}", "{", f"OFFSET {' '.join(map(str, offset))}"])
        lines.append("CHANNELS 3 Zrotation Yrotation Xrotation")
        children = [child for child in BONES if child.parent == bone.asf]
        for child in children:
            joint(child, bone.vector)
        if not children:
            lines.extend(["End Site", "{", f"OFFSET {' '.join(map(str, bone.vector))}", "}"])
        lines.append("}")

    for bone in BONES:
        if bone.parent == "root":
            joint(bone, (0.0, 0.0, 0.0))
    lines += ["}", "MOTION", f"Frames: {len(frames)}", f"Frame Time: {1 / rate_hz}"]
    for frame in frames:
        values = [*frame.get("position", (0.0, 0.0, 0.0)), *frame.get("root", (0.0, 0.0, 0.0))[::-1]]
        for name in order[1:]:
            values += frame.get(name, (0.0, 0.0, 0.0))[::-1]
        lines.append(" ".join(map(str, values)))
    path = folder / "clip.bvh"
    path.write_text("\n".join([*lines, ""]))
    return path


def random_frames(count: int) -> list[Frame]:
    """Frames in which everything is turned a little."""
    rng = np.random.default_rng(3)
    names = ["root", *(bone.asf for bone in BONES)]
    frames: list[Frame] = []
    for _ in range(count):
        turned = {name: tuple(rng.uniform(-35, 35, 3).round(3).tolist()) for name in names}
        frames.append({**turned, "position": tuple(rng.uniform(5, 9, 3).round(3).tolist())})
    return frames
