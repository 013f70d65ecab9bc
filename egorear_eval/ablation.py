"""What each part of a method is worth: tables as papers have them, every row paired with the full method."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from egorear_eval.clip import Clip
from egorear_eval.compare import compare
from egorear_eval.scores import MEASURES, score
from egorear_eval.tables import HEADED, difference_cell
from egorear_ros import metrics
from egorear_ros.config import SmoothingConfig
from egorear_ros.estimators.smoothing import OneEuroFilter
from egorear_ros.structures import FloatArray

FULL = "full"
CONFIDENCES = (0.0, 0.25, 0.5, 0.75, 0.9)
DIFFERENCES = ("mpjpe_mm", "pa_mpjpe_mm")


@dataclass(frozen=True, eq=False)
class Variant:
    """A row of an ablation.

    Attributes:
        name: what is different.
        how: how that was made, for example "switched off at inference" or "retrained: FILE".
        clips: its poses.
    """

    name: str
    how: str
    clips: Sequence[Clip]


def ablation_table(title: str, variants: Sequence[Variant], note: str = "") -> str:
    """Return a Markdown table: the full method first, each other row with its paired difference.

    Args:
        title: of the table.
        variants: the full method and at least one other.
        note: below the title.
    """
    full = variants[0]
    heads = ["", "how", "poses", *HEADED.values(), *(f"{MEASURES[key]} − {FULL}" for key in DIFFERENCES)]
    lines = [f"**{title}.** {note}".strip(), "", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for variant in variants:
        scores = score(variant.clips)
        values = [f"{scores.means[key]:.1f}" if key in scores.means else "–" for key in HEADED]
        changes = ["–"] * len(DIFFERENCES)
        if variant is not full:
            found = compare(full.clips, variant.clips)[1]
            changes = [difference_cell(found[key]) for key in DIFFERENCES]
        lines.append(f"| {' | '.join([variant.name, variant.how, str(scores.poses), *values, *changes])} |")
    return "\n".join(lines) + "\n"


def confidence_table(clips: Sequence[Clip]) -> str:
    """Return what it is worth to trust confident joints only; a sentence where there are no confidences."""
    errors = np.concatenate([metrics.joint_errors_mm(clip.predicted, clip.truth).ravel() for clip in clips])
    confidences = np.concatenate([clip.confidences.ravel() for clip in clips])
    title = "**Confidence.** "
    known = np.isfinite(confidences)
    if not known.any():
        return f"{title}The estimator gives none.\n"
    lines = [
        f"{title}Only joints whose confidence is at least a threshold, of those that have one.",
        "",
        "| least confidence | joints kept % | mean error mm | median error mm | 95th percentile mm |",
        "|---|---|---|---|---|",
    ]
    for threshold in CONFIDENCES:
        kept = errors[known & (confidences >= threshold)]
        share = f"{100.0 * len(kept) / known.sum():.1f}"
        values = [kept.mean(), *np.percentile(kept, [50, 95])] if len(kept) else []
        cells = [f"{value:.1f}" for value in values] or ["–"] * 3
        lines.append(f"| {threshold:g} | {share} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def smoothed(clips: Sequence[Clip], stamps_ns: Mapping[str, Sequence[int]], config: SmoothingConfig) -> list[Clip]:
    """Return clips whose poses went through the node's filter, one after another.

    Args:
        clips: to filter.
        stamps_ns: of each clip's frames, by its name.
        config: of the filter.
    """
    result = []
    for clip in clips:
        one_euro = OneEuroFilter(config)
        moments = zip(stamps_ns[clip.name], clip.predicted, strict=True)
        poses: list[FloatArray] = [one_euro(stamp_ns, joints) for stamp_ns, joints in moments]
        result.append(replace(clip, predicted=np.stack(poses)))
    return result
