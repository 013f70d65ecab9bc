"""What came of a recording, in sentences for the terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

MOST_NOTES = 5


def summary(facts: Mapping[str, Any], seconds_per_set: float | None) -> Iterator[str]:
    """Yield what was evaluated: sets, drops with their reasons, skew, jitter."""
    found = facts["recording"]
    sets = f"{found['sets']}: {found['complete_sets']} complete, {found['partial_sets']} with views missing"
    yield f"frame sets     {sets}; {found['estimated']} estimated, {found['compared']} compared"
    if found["dropped"]:
        yield "not compared   " + ", ".join(f"{count} {reason}" for reason, count in found["dropped"].items())
    twice = sum(kinds.get("duplicate", 0) for kinds in found["unused_images"].values())
    unused = {
        "late": found["late"],
        "of a stamp that came before": twice,
        "damaged": found["damaged_images"],
        "dropped on purpose": found["dropped_images"],
    }
    if any(unused.values()):
        yield "images         " + ", ".join(f"{count} {what}" for what, count in unused.items() if count)
    for label, key, unit in (("skew", "skew_ms", "ms"), ("wait for sync", "pairing_ms", "ms")):
        if values := found[key]:
            numbers = f"median {values['median']:.1f}, 95 % {values['p95']:.1f}, largest {values['largest']:.1f}"
            yield f"{label:<15}{numbers} {unit}"
    stamps = {view: value for view, value in found["jitter_ms"].items() if value is not None}
    if stamps:
        yield "stamp jitter   " + ", ".join(f"{view} {value:.1f}" for view, value in stamps.items()) + " ms"
    if found["pose_jitter_mm"] is not None:
        yield f"pose jitter    {found['pose_jitter_mm']:.1f} mm/frame²"
    together = found["sets_at_a_time"]
    if seconds_per_set and together > 1:
        share = f"{1e3 * seconds_per_set:.1f} ms of a core a set (median)"
        yield f"network        {share}; {together} sets at a time, so no latency: --one-by-one measures it"
    elif seconds_per_set:
        yield f"network        {1e3 * seconds_per_set:.1f} ms a set, {1.0 / seconds_per_set:.1f} sets a second (median)"


def remarks(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the user must know to trust the numbers."""
    found = facts["recording"]
    if not facts["trained"]:
        yield "The weights are random: these numbers mean nothing."
    if found["ground_truth"] is None:
        yield (
            "No ground truth: errors, PCK and reliability cannot be said; counts, jitter and timing can. "
            "--truth takes it from a sequence folder."
        )
    elif not found["compared"]:
        yield "No pose has ground truth near its stamp: nothing could be compared. --truth-tolerance-ms allows more."
    if found["partial"]:
        yield f"Partial results: {found['reason']}"
    yield from found["notes"][:MOST_NOTES]
    if len(found["notes"]) > MOST_NOTES:
        yield f"{len(found['notes']) - MOST_NOTES} more notes are in scores.json."
