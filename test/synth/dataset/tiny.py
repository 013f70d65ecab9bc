"""Very small data sets and what they are made from."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from egorear_synth.dataset.generate import WHOLE, Shard, generate
from egorear_synth.dataset.plan import SequencePlan
from egorear_synth.dataset.settings import Settings

RIG = """
format: egorear_rig/1
name: three_views
views:
  left: {lens: &lens {model: equidistant, width: 96, height: 80, focal_px: [24.0, 24.5], center_px: [47.0, 40.5],
    distortion: [-0.01, 0.002, -0.001, 0.0], max_theta_deg: 75.0}, translation_m: [-0.05, 0.0, 0.0],
    quat_xyzw: [0.0, -0.0871557427, 0.0, 0.9961946981]}
  right: {lens: *lens, translation_m: [0.05, 0.0, 0.0], quat_xyzw: [0.0, 0.0871557427, 0.0, 0.9961946981]}
  rear: {lens: *lens, translation_m: [0.0, 0.4, 0.0], quat_xyzw: [0.0, 0.0, 1.0, 0.0]}
"""
"""Three made-up equidistant cameras: two in front, turned outwards by 10 degrees, one behind."""


class Quiet:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.made: list[SequencePlan] = []
        self.frames = 0
        self.finished_before = 0

    def clips(self, done: int, total: int) -> None:
        pass

    def begin(self, plans: Sequence[SequencePlan], finished: int, frames_each: int) -> None:
        self.finished_before = finished

    def frame(self, plan: SequencePlan) -> None:
        self.frames += 1

    def sequence(self, plan: SequencePlan) -> None:
        self.made.append(plan)

    def card(self) -> None:
        pass


def write_rig(folder: Path) -> Path:
    """Write the three-camera rig."""
    path = folder / "three_views.yaml"
    path.write_text(RIG)
    return path


def write_clips(folder: Path, count: int = 3) -> Path:
    """Write short AMC clips of as many persons, and return their folder."""
    from skeletons import write_amc

    clips = folder / "clips"
    clips.mkdir()
    for number in range(count):
        # An arm is raised, the head turns, the feet stay where they are.
        arms = [{"lhumerus": (-15.0 * frame, 0.0, 0.0), "head": (0.0, 5.0 * frame, 0.0)} for frame in range(6 + number)]
        write_amc(clips, arms, f"{number + 1:02d}_01")
        (clips / "07.asf").rename(clips / f"{number + 1:02d}.asf")
    return clips


def tiny_settings(folder: Path, **changes: object) -> Settings:
    """Return settings of a set that takes seconds; rig and clips are written into the folder."""
    rig = folder / "three_views.yaml"
    settings = Settings(
        rig=str(rig if rig.is_file() else write_rig(folder)),
        motion=str(folder / "clips" if (folder / "clips").is_dir() else write_clips(folder)),
        seed=4,
        frames=2,
        size=48,
        samples=2,
        random_pose=0.0,
        procedural=0.0,
        clip_rate_hz=30.0,
        split=(34.0, 33.0, 33.0),
    )
    return replace(settings, **changes)  # type: ignore[arg-type]


def make(settings: Settings, root: Path, count: int = 3, workers: int = 1, shard: Shard = WHOLE) -> Quiet:
    """Generate a data set and return what was told on the way."""
    quiet = Quiet()
    generate(settings, root, count, quiet, workers, shard)
    return quiet


def tree_hash(root: Path) -> str:
    """Return a digest of all names and contents of a folder."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        if path.is_file():
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
