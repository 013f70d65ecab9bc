"""Small runs of an evaluation, as their folders of results, and pictures for them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from egorear_eval.clip import Clip, make_clip
from egorear_eval.provenance import save_run_rig, versions
from egorear_eval.results import make_tables, reliability_facts, write_results
from egorear_ros.geometry.rig_file import load_rig
from egorear_ros.skeleton import EGO4VIEW

RIG = load_rig("ego4view_syn")


def standing_joints() -> np.ndarray:
    """Return (16, 3) joints of somebody who stands below the device; device frame, m."""
    down = dict(zip(("head", "neck", "shoulder", "elbow", "wrist", "hip", "knee", "ankle", "toe"),
                    (0.1, 0.25, 0.3, 0.55, 0.8, 0.8, 1.2, 1.6, 1.65), strict=True))  # fmt: skip
    joints = []
    for name in EGO4VIEW.joint_names:
        side = {"left": -0.18, "right": 0.18}.get(name.split("_")[0], 0.0)
        joints.append((side, 0.1, down[name.split("_")[-1]]))
    return np.array(joints)


def walk(name: str, frames: int = 12, seed: int = 0, error_m: float = 0.05, group: str = "") -> Clip:
    """Return a clip with random errors and confidences that fall with them."""
    rng = np.random.default_rng(seed)
    truth = standing_joints() + rng.normal(0.0, 0.03, (frames, 1, 3))
    error = rng.normal(0.0, error_m, truth.shape)
    confidences = np.clip(1.0 - np.linalg.norm(error, axis=-1) / (3 * error_m), 0.0, 1.0)
    names = [f"{index:06d}" for index in range(frames)]
    return make_clip(name, names, list(truth + error), list(truth), group=group, confidences=list(confidences),
                     view_counts=[4] * frames)  # fmt: skip


def write_run(folder: Path, clips: Sequence[Clip], timing: dict[str, np.ndarray] | None = None, **facts: Any) -> Path:
    """Write a folder of results as `egorear eval` does."""
    about = {"command": ["egorear", "eval", "dataset", "data"], "model": "test model", "trained": True, "skipped": []}
    found = {**about, "versions": versions(), **reliability_facts(clips), **facts}
    write_results(make_tables({RIG.views: clips}), found, clips, folder)
    save_run_rig(folder, RIG)
    if timing is not None:
        with (folder / "timing.npz").open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **timing)
    return folder


class GreyImages:
    """A picture for every frame; of the view back_right there is none."""

    rig = RIG

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def images(self, clip: str, frame: str) -> dict[str, np.ndarray]:
        """See `FrameImages`."""
        self.asked.append((clip, frame))
        return {view: np.full((64, 64, 3), 90, np.uint8) for view in RIG.views[:3]}
