"""Put a planned sequence's wearer together: person, motion, place and mount, each from its own seed."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from egorear_ros.geometry.transforms import transform_points
from egorear_ros.structures import FloatArray, Rig
from egorear_synth.body import Body
from egorear_synth.clips.load import load_clip
from egorear_synth.clips.retarget import ClipMotion
from egorear_synth.dataset.plan import SequencePlan
from egorear_synth.dataset.settings import Settings
from egorear_synth.mixed_motion import Clearance, LaterMotion, MixedMotion
from egorear_synth.mount import Mount, MountError, make_mount
from egorear_synth.person import Person, make_person
from egorear_synth.place import make_place
from egorear_synth.places.texture_folder import TextureFolder
from egorear_synth.procedural import ProceduralMotion
from egorear_synth.random_poses import RandomPoses
from egorear_synth.skin import Skin
from egorear_synth.skinning import bone_transforms
from egorear_synth.wearer import Motion, Wearer

_STREAMS = {"person": 1, "place": 2, "mount": 3, "motion": 4, "sensor": 5, "frame": 6, "mixture": 7}

MOUNT_TRIES = 4

MIXTURE_TRIES = 8
"""Trunk and arms are taken from so many other moments before a clip stays whole."""

OCCUPIED_HZ, OCCUPIED_VERTICES = 10, 10
"""Furniture keeps clear of every tenth vertex, ten times a second."""


@dataclass(frozen=True, eq=False)
class Cast:
    """What a sequence shows.

    Attributes:
        wearer: who is seen.
        begin_s: time of the first frame in the wearer's motion, s.
        facts: of person, motion, place and mount, JSON values only.
    """

    wearer: Wearer
    begin_s: float
    facts: dict[str, Any]


def stream(settings: Settings, plan: SequencePlan, part: str, *more: int) -> np.random.Generator:
    """Return the random numbers of one part of one sequence; every part of every sequence has its own."""
    return np.random.default_rng([settings.seed, _STREAMS[part], plan.index, *more])


def make_cast(settings: Settings, rig: Rig, plan: SequencePlan) -> Cast:
    """Return the wearer of a sequence.

    Raises:
        ClipError: the clip cannot be used.
        MountError: the rig cannot be worn.
        TextureError: a texture cannot be read any more.
        RendererError: the renderer is not installed, or this machine has no such device.
    """
    person = make_person(stream(settings, plan, "person"))
    mount = _mount(settings, rig, plan, person)
    motion, begin_s, facts = _motion(settings, plan, person.body)
    occupied = _occupied(settings, rig, person, motion, mount, begin_s)
    place = make_place(stream(settings, plan, "place"), occupied, _textures(settings.textures))
    wearer = Wearer(rig, person, motion, place, mount, settings.renderer_choice)
    return Cast(wearer, begin_s, {"person": person.facts, "motion": facts, "place": place.facts, "mount": mount.facts})


def _mount(settings: Settings, rig: Rig, plan: SequencePlan, person: Person) -> Mount:
    """Return how the rig sits; it is put on again where something is in front of a lens."""
    for attempt in range(MOUNT_TRIES):
        try:
            return make_mount(rig, person, stream(settings, plan, "mount", attempt))
        except MountError:
            if attempt == MOUNT_TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _occupied(settings: Settings, rig: Rig, person: Person, motion: Motion, mount: Mount, begin_s: float) -> FloatArray:
    """Return (N, 3) points of body and cameras in the course of the sequence, m: nothing else may stand there."""
    skin, head = Skin(person.body), person.body.bone("head")
    cameras = np.array([camera.T_device_camera[:3, 3] for camera in rig.cameras])
    duration_s = (settings.frames - 1) / settings.rate_hz
    points = []
    for time_s in begin_s + np.linspace(0.0, duration_s, max(2, round(OCCUPIED_HZ * duration_s))):
        T_world_rest = bone_transforms(person.body, motion.pose_at(float(time_s)))
        vertices = skin.posed(T_world_rest, person.body.vertices)[0]
        T_world_device = T_world_rest[head] @ mount.T_head_device(float(time_s))
        points += [vertices[::OCCUPIED_VERTICES].astype(np.float64), transform_points(T_world_device, cameras)]
    return np.concatenate(points)


@lru_cache(maxsize=1)
def _textures(folder: str) -> TextureFolder | None:
    """Return the folder of textures, which keeps what it has read, once per process."""
    return TextureFolder(Path(folder).expanduser()) if folder else None


def _motion(settings: Settings, plan: SequencePlan, body: Body) -> tuple[Motion, float, dict[str, Any]]:
    """Return the movement, where in it the sequence begins, s, and its facts."""
    rng = stream(settings, plan, "motion")
    if plan.clip is None:
        made, facts = _made_motion(settings, plan, body)
        begin_s = float(rng.uniform(0.0, made.period_s))
        return made, begin_s, {"kind": plan.kind, "begin_s": begin_s, **facts}
    clip = ClipMotion(body, load_clip(str(plan.clip.path), settings.clip_rate_hz))
    # Where it can, the sequence ends before the clip turns back.
    latest_s = clip.duration_s - (settings.frames - 1) / settings.rate_hz
    begin_s = float(rng.uniform(0.0, max(latest_s, 0.0)))
    source = {"clip": plan.clip.name, "sha256": plan.clip.sha256, "turns_back": latest_s < 0}
    facts = {"kind": plan.kind, **source, "begin_s": begin_s, **clip.facts}
    if plan.kind == "clip":
        return clip, begin_s, facts
    motion, upper_facts = _mixed_motion(settings, plan, body, clip, begin_s)
    return motion, begin_s, facts | {"upper": upper_facts}


def _made_motion(
    settings: Settings, plan: SequencePlan, body: Body
) -> tuple[RandomPoses | ProceduralMotion, dict[str, Any]]:
    # Sequences of all splits have numbers of their own, so no two splits share a movement.
    seed = settings.seed * 1_000_000 + plan.index
    made = ProceduralMotion(body, seed) if plan.kind == "procedural" else RandomPoses(body, seed)
    return made, {"seed": seed, **made.facts}


def _mixed_motion(
    settings: Settings, plan: SequencePlan, body: Body, lower: ClipMotion, begin_s: float
) -> tuple[Motion, dict[str, Any] | None]:
    """Return legs under trunk and arms from elsewhere, and what is known of these; None: nothing went with the legs."""
    upper: ClipMotion | RandomPoses | ProceduralMotion
    if plan.upper is None:
        upper, facts = _made_motion(settings, plan, body)
        longest_s = upper.period_s
    else:
        upper = ClipMotion(body, load_clip(str(plan.upper.path), settings.clip_rate_hz))
        facts = {"clip": plan.upper.name, "sha256": plan.upper.sha256}
        longest_s = 2.0 * upper.duration_s
    clearance = Clearance(body, begin_s + np.arange(settings.frames) / settings.rate_hz)
    rng = stream(settings, plan, "mixture")
    for _ in range(MIXTURE_TRIES):
        later_s = float(rng.uniform(0.0, longest_s))
        later = LaterMotion(upper, later_s)
        mixed = MixedMotion(body, lower, later)
        if clearance.allows(mixed, lower, later):
            return mixed, {**facts, "later_s": later_s}
    return lower, None
