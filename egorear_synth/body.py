"""The bundled human mesh: its space of shapes, skeleton, skinning weights and body parts."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egorear_ros.paths import share_dir
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import FloatArray
from egorear_synth.phenotype import Phenotype, corner_shares
from egorear_synth.rotations import rotmat_between

DOWN = np.array([0.0, 0.0, -1.0])

_SIDE_BONES = {
    "shoulder": "upperarm",
    "elbow": "lowerarm",
    "wrist": "hand",
    "hip": "thigh",
    "knee": "calf",
    "ankle": "foot",
    "toe": "ball",
}

JOINT_BONES: dict[str, str] = {
    "head": "head",
    "neck": "neck_01",
    **{f"{side}_{joint}": f"{bone}_{side[0]}" for joint, bone in _SIDE_BONES.items() for side in ("left", "right")},
}
"""Bone that carries each joint. A joint is where its bone begins, that is the centre of rotation;
`neck` is the base of the neck, `toe` the ball of the foot. Only `head` lies inside its bone: at
the centre of the head, on the middle line at the height of the eyes, halfway from front to back."""


@dataclass(frozen=True, eq=False)
class Body:
    """A person at rest, arms down and out: x forward, y left, z up, soles on z = 0, m.

    Attributes:
        vertices: (N, 3) at rest.
        faces: (F, 3) vertex indices, counter-clockwise seen from outside.
        face_parts: (F,) index into `part_names`.
        part_names: body parts.
        skin_weights: (N, B), rows summing to 1, four or fewer non-zero.
        bone_names: B names, parents first; the first is the root.
        bone_parents: B indices; the root is its own parent.
        bone_heads, bone_tails: (B, 3) at rest.
        alignment: (B, 3, 3) rotation of each bone from rest to the standing reference pose: arms
            and legs straight down, feet and trunk as at rest. Motion is expressed from there.
        head_joint: (3,) the joint `head` at rest.
    """

    vertices: FloatArray
    faces: NDArray[np.int32]
    face_parts: NDArray[np.uint8]
    part_names: tuple[str, ...]
    skin_weights: FloatArray
    bone_names: tuple[str, ...]
    bone_parents: tuple[int, ...]
    bone_heads: FloatArray
    bone_tails: FloatArray
    alignment: FloatArray
    head_joint: FloatArray

    def bone(self, name: str) -> int:
        """Return the index of a bone."""
        return self.bone_names.index(name)

    def part_vertices(self, *parts: str) -> FloatArray:
        """Return the (M, 3) rest vertices of some body parts."""
        chosen = np.isin(self.face_parts, [self.part_names.index(part) for part in parts])
        return self.vertices[np.unique(self.faces[chosen])]


@lru_cache(maxsize=1)
def _asset() -> dict[str, NDArray[np.generic]]:
    path = share_dir() / "assets" / "body.npz"
    if not path.is_file():
        raise FileNotFoundError(f"no body mesh at {path}. Install the package again, or bake it: scripts/bake_body.py.")
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def asset_path() -> Path:
    """Return the file that the bodies come from."""
    return share_dir() / "assets" / "body.npz"


@lru_cache(maxsize=1)
def _space() -> tuple[FloatArray, FloatArray]:
    """Return mean (N + 2B, 3) and directions (K, N + 2B, 3): vertices, then heads, then tails of the bones."""
    asset = _asset()
    return asset["mean"].astype(np.float64), asset["directions"].astype(np.float64)


def body_points(phenotype: Phenotype) -> FloatArray:
    """Return the (N + 2B, 3) vertices, bone heads and bone tails of a body, not yet on the floor."""
    asset = _asset()
    names = _corner_names()
    relative = corner_shares(phenotype, names) - corner_shares(Phenotype(), names)
    coefficients = asset["coefficients"].astype(np.float64)
    mean, directions = _space()
    return mean + np.tensordot(relative @ coefficients[:-1] + coefficients[-1], directions, axes=1)


@lru_cache(maxsize=1)
def _corner_names() -> tuple[str, ...]:
    return tuple(str(name) for name in _asset()["corner_names"])


def stature(phenotype: Phenotype) -> float:
    """Return the standing height of a body in shoes, m."""
    points = body_points(phenotype)[: -2 * len(_asset()["bone_names"])]
    return float(points[:, 2].max() - points[:, 2].min())


def make_body(phenotype: Phenotype) -> Body:
    """Return a person's body, in shoes and nothing else."""
    asset = _asset()
    names = tuple(str(name) for name in asset["bone_names"])
    parents = tuple(int(parent) for parent in asset["bone_parents"])
    points = body_points(phenotype)
    count = len(points) - 2 * len(names)
    points[:, 2] -= points[:count, 2].min()
    vertices, heads, tails = np.split(points, [count, count + len(names)])
    weights = np.zeros((len(vertices), len(names)))
    np.put_along_axis(weights, asset["skin_bones"].astype(np.int64), asset["skin_weights"].astype(np.float64), axis=1)
    body = Body(
        vertices=vertices,
        faces=asset["faces"].astype(np.int32),
        face_parts=asset["face_parts"].astype(np.uint8),
        part_names=tuple(str(name) for name in asset["part_names"]),
        skin_weights=weights,
        bone_names=names,
        bone_parents=parents,
        bone_heads=heads,
        bone_tails=tails,
        alignment=_alignment(names, parents, heads, tails),
        head_joint=np.zeros(3),
    )
    body.head_joint[:] = _head_centre(body)
    return body


def _alignment(names: tuple[str, ...], parents: tuple[int, ...], heads: FloatArray, tails: FloatArray) -> FloatArray:
    straight = ("upperarm", "lowerarm", "hand", "thigh", "calf")
    alignment = np.empty((len(names), 3, 3))
    for index, name in enumerate(names):
        stem = name.split("_")[0]
        if stem in straight:
            alignment[index] = rotmat_between(tails[index] - heads[index], DOWN)
        elif stem in ("thumb", "index", "middle", "ring", "pinky"):
            alignment[index] = alignment[parents[index]]
        else:
            alignment[index] = np.eye(3)
    return alignment


def _head_centre(body: Body) -> FloatArray:
    head, eyes = body.part_vertices("head", "scalp"), body.part_vertices("eyes")
    middle = 0.5 * (head.min(axis=0) + head.max(axis=0))
    return np.array([middle[0], 0.0, 0.5 * (eyes[:, 2].min() + eyes[:, 2].max())])


assert tuple(JOINT_BONES) == EGO4VIEW.joint_names, "JOINT_BONES must list the skeleton's joints in order"
