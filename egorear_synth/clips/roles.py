"""Find a person's limbs in a recorded skeleton by the names that tools give them."""

import re

from egorear_synth.clips.clip import Clip, ClipError

_STEMS: dict[str, tuple[str, ...]] = {
    "upperarm": ("humerus", "upperarm", "uparm", "arm", "shldr", "shoulder"),
    "lowerarm": ("radius", "forearm", "lowerarm", "lowarm", "elbow"),
    "hand": ("hand", "wrist"),
    "thigh": ("femur", "upleg", "upperleg", "thigh", "hip"),
    "calf": ("tibia", "leg", "lowerleg", "lowleg", "shin", "calf", "knee"),
    "foot": ("foot", "ankle"),
    "ball": ("toes", "toebase", "toe", "ball"),
}
"""Names of the joint at which each bone begins, the more certain ones first."""

_OPTIONAL = ("hand", "ball")


def find_roles(clip: Clip) -> dict[str, int]:
    """Return the joint of the clip that moves each bone of ours.

    Limbs and head are found by name, with any prefix up to a colon ("mixamorig:LeftArm") and any
    way to write the side (lfemur, LeftUpLeg, thigh.L); trunk, neck and collar bones by what
    connects them.

    Raises:
        ClipError: limbs or the head are missing; lists the joints there are.
    """
    plain = {_plain(name): index for index, name in reversed(list(enumerate(clip.joint_names)))}
    roles: dict[str, int] = {"pelvis": 0}
    missing = []
    for bone, stems in _STEMS.items():
        for side, words in (("l", ("left", "l")), ("r", ("right", "r"))):
            names = [name for stem in stems for word in words for name in (word + stem, stem + word)]
            found = next((plain[name] for name in names if name in plain), None)
            if found is not None:
                roles[f"{bone}_{side}"] = found
            elif bone not in _OPTIONAL:
                missing.append(f"{'left' if side == 'l' else 'right'} {bone}")
    if "head" in plain:
        roles["head"] = plain["head"]
    else:
        missing.append("head")
    if missing:
        raise ClipError(
            f"{clip.source}: no joint found for {', '.join(missing)}. "
            f"Joints in the file: {', '.join(clip.joint_names)}. "
            "Rename them, for example to LeftUpLeg, LeftLeg, LeftFoot, LeftArm, LeftForeArm, Head."
        )
    return roles | _trunk_roles(clip, roles)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.split(":")[-1].lower().replace("bip01", ""))


def _trunk_roles(clip: Clip, roles: dict[str, int]) -> dict[str, int]:
    """Spine, neck and collar bones: the joints between root, head and upper arms."""
    arms = [_ancestors(clip, roles[f"upperarm_{side}"]) for side in "lr"]
    head = _ancestors(clip, roles["head"])
    shared = [joint for joint in head if joint in arms[0] and joint in arms[1]]
    chest = shared[0]
    spine = [joint for joint in reversed(shared) if joint != 0] or [0]
    neck = list(reversed(head[: head.index(chest)])) or [roles["head"]]
    found = {"spine_01": spine[0], "spine_02": spine[len(spine) // 2], "spine_03": spine[-1], "neck_01": neck[0]}
    for side, chain in zip("lr", arms, strict=True):
        parents = chain[: chain.index(chest)]
        found[f"clavicle_{side}"] = parents[-1] if parents else chest
    return found


def _ancestors(clip: Clip, joint: int) -> list[int]:
    """Return a joint's parents, nearest first, the root last."""
    chain = []
    while clip.parents[joint] != joint:
        joint = clip.parents[joint]
        chain.append(joint)
    return chain
