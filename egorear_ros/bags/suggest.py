"""Which other topics could be meant, by type and by name."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from egorear_ros.bags.bag import absolute
from egorear_ros.bags.base import Topic
from egorear_ros.bags.typestore import BODY_POSE
from egorear_ros.bags.views import RigTopics, is_image, namespaces
from egorear_ros.names import POSE_TOPIC, TRUTH_TOPIC

_WORDS = {"l": "left", "r": "right", "f": "front", "b": "back", "rear": "back", "fl": "front left", "fr": "front right",
          "bl": "back left", "br": "back right", "rl": "back left", "rr": "back right"}  # fmt: skip


def suggest_remaps(topics: Sequence[Topic], rig: RigTopics) -> list[str]:
    """Return `--remap` arguments for the image topics that a rig lacks, best guesses by name; may be empty.

    Args:
        topics: what the recording has.
        rig: what it should have.
    """
    names = {topic.name for topic in topics}
    missing = [(view, topic) for view, topic in rig.images.items() if topic not in names]
    free = [topic.name for topic in topics if is_image(topic) and topic.name not in rig.images.values()]
    ranked = sorted(
        ((_likeness(view, name), index, name, topic) for index, (view, topic) in enumerate(missing) for name in free),
        key=lambda guess: (-guess[0], guess[1], guess[2]),
    )
    chosen: dict[str, str] = {}
    for _, _, name, topic in ranked:
        if name not in chosen and topic not in chosen.values():
            chosen[name] = topic
    return [f"--remap {name}:={topic}" for name, topic in sorted(chosen.items(), key=lambda pair: pair[1])]


def truth_hint(topics: Sequence[Topic], rig: RigTopics) -> str:
    """Return what to say where a rig has no ground truth but another topic has poses; may be empty.

    Poses of the rig's own estimator, and those of other rigs, are none.
    """
    if any(topic.name == rig.truth for topic in topics):
        return ""
    spaces = {rig.namespace, *namespaces(topics)}
    own = {absolute(f"{space}/{name}") for space in spaces for name in (POSE_TOPIC, TRUTH_TOPIC)}
    found = [topic.name for topic in topics if topic.type == BODY_POSE and topic.name not in own]
    if not found:
        return ""
    best = min(found, key=lambda name: (-_likeness(TRUTH_TOPIC, name), name))
    return f"No ground truth on {rig.truth}, but poses on {best}; if they are it: `--remap {best}:={rig.truth}`."


def remap_hint(remaps: Sequence[str]) -> str:
    """Return a sentence with `--remap` arguments, in quotes so that they can be copied."""
    return f"By type and name, try: `{' '.join(remaps)}`."


def _likeness(view: str, name: str) -> float:
    """Say how well a topic's name fits a view: words in common first, then letters."""
    words, found = _words(view), _words(name)
    common = sum(word in found for word in words) / len(words)
    compressed = 0.01 * name.endswith("/compressed")
    return common + 0.1 * SequenceMatcher(None, view, name).ratio() + compressed


def _words(name: str) -> list[str]:
    parts = re.findall(r"[a-z]+|\d+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower())
    return " ".join(_WORDS.get(part, part) for part in parts).split()
