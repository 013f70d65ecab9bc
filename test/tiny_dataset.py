"""Small data sets in Ego4View's two layouts, made on the fly for tests."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from egorear_ros.geometry.fisheye import project
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.geometry.transforms import transform_points
from egorear_ros.skeleton import EGO4VIEW
from egorear_ros.structures import Camera, FloatArray

RIG = load_rig("ego4view_syn")
LAYOUTS = ("syn", "rw")
AWKWARD_ROOT = "my-data.json_smplx"
"""A folder name with all that breaks substring replacement in paths."""


def write_frame(
    sequence: Path, stem: str, annotations: str, suffix: str, seed: int, size: int = 64, offset: float = 0.0
) -> None:
    """Write one frame's annotation and images; noise, so that no two images are alike.

    The cameras are those of the synthetic rig, shifted as by `write_metadata`.
    """
    random = np.random.default_rng(seed)
    points_cm = [[float(index), 2.0, 3.0 + seed] for index in range(EGO4VIEW.joint_count)]
    joints: dict[str, Any] = {
        name: {"device_pts3d": point} for name, point in zip(EGO4VIEW.dataset_names, points_cm, strict=True)
    }
    for camera in RIG.cameras:
        in_camera = transform_points(_device_to_camera(camera, offset), np.array(points_cm) / 100.0)
        places, _ = project(in_camera, camera.lens)
        for joint, place in zip(joints.values(), places.tolist(), strict=True):
            joint[f"camera_{camera.view}_pts2d"] = place
    (sequence / annotations).mkdir(parents=True, exist_ok=True)
    (sequence / annotations / f"{stem}.json").write_text(json.dumps({"joints": joints}))
    for view in RIG.views:
        folder = sequence / "fisheye_rgb" / f"camera_{view}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 255, (size, size, 3), dtype=np.uint8)).save(folder / f"{stem}{suffix}")


def write_metadata(path: Path, offset: float = 0.0) -> dict[str, Any]:
    """Write a recording's extrinsics, the synthetic rig's shifted by `offset` m, and return the matrices."""
    matrices = {}
    for camera in RIG.cameras:
        matrices[f"device_to_camera_{camera.view}"] = _device_to_camera(camera, offset).tolist()
    path.write_text(json.dumps({"coord_transformation_matrix": matrices}))
    return matrices


def _device_to_camera(camera: Camera, offset: float) -> FloatArray:
    matrix = np.linalg.inv(camera.T_device_camera)
    matrix[0, 3] += offset
    return matrix


def write_dataset(root: Path, layout: str = "syn", frames: int = 2, size: int = 64) -> Path:
    """Write a data set of two sequences with `frames` frames each, named 2, 10, 11, ...; only a train split."""
    stems = ["2", *(str(10 + number) for number in range(frames - 1))]
    if layout == "syn":
        folders, annotations, suffix = ["rp_x/a", "rp_x/b"], "json_smplx_gendered", ".jpg"
        lines = "rp_x\n\n"
    else:
        folders, annotations, suffix = ["2024/S1/seq_3-0", "2024/S1/seq_4-1"], "json_smplx", ".png"
        lines = "\n".join(folders) + "\n"
    for number, folder in enumerate(folders):
        offset = 0.25 * (number + 1) if layout == "rw" else 0.0
        for place, stem in enumerate(stems):
            write_frame(root / folder, stem, annotations, suffix, 100 * number + place, size, offset)
    if layout == "rw":
        write_metadata(root / "2024" / "S1" / "seq_3_metadata.json", 0.25)
        write_metadata(root / "2024" / "S1" / "seq_4_metadata.json", 0.5)
    (root / "train.txt").write_text(lines)
    return root
