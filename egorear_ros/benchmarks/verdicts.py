"""Of the engines that were measured, the best ones against the goals of the published model."""

from collections.abc import Sequence
from dataclasses import dataclass

from egorear_ros.benchmarks.report import Row

BATCH = 64
"""Frame sets at a time where throughput is measured, on GPUs."""

GPU_MS, GPU_PER_SECOND = 1.5, 3000
"""Goals of the published model on a GPU, with fewer digits: latency, and frame sets a second in batches."""

SAME_MM = 1e-3
"""An engine in full precision that moves a joint by more computes something else: its time does not count."""

BROKEN_MM = 50.0
"""An engine with fewer digits whose joints are farther off than this, or nowhere, computes something else."""

OFF_MM = 1.0
"""How much fewer digits may change the MPJPE of the published model."""

TARGETS = {
    ("cpu", "fp32"): ("at most 0.333", 1 / 3),
    ("cpu", "reduced"): ("at most 0.2", 0.2),
    ("cuda", "fp32"): ("", None),
    ("cuda", "reduced"): ("at most 0.1", 0.1),
}
"""Of the best engine of the published model, by device: time against the plain module's."""


@dataclass(frozen=True)
class Measured:
    """One engine.

    Attributes:
        engine: name, provider where there are several, and precision.
        ms: median time of one frame set.
        plain_ms: of the plain eager module, in turns with it.
        worst_mm: largest distance of a joint from the plain module's.
        mean_mm: average distance.
        peak_mib: most memory of the process while the engine ran alone.
        per_second: frame sets a second in batches; 0 where it was not measured.
    """

    engine: str
    ms: float
    plain_ms: float
    worst_mm: float
    mean_mm: float
    peak_mib: float
    per_second: float = 0.0

    @property
    def ratio(self) -> float:
        """Time against the plain module's."""
        return self.ms / self.plain_ms


def verdicts(model: str, device: str, found: Sequence[tuple[str, Measured]]) -> list[Row]:
    """Return the best engines; targets are the published model's.

    In full precision an engine must agree with the plain module to win. With fewer digits none does: time alone is
    compared, the row says so, and another one says how far off the winners' joints are.

    Args:
        model: `PAPER`, or a checkpoint's name.
        device: "cpu" or "cuda".
        found: precision and measurement of every engine that works here.
    """
    from egorear_ros.benchmarks.networks import PAPER

    rows = []
    for kind in ("fp32", "reduced"):
        some = [entry for precision, entry in found if (precision == "fp32") == (kind == "fp32")]
        if some:
            words, limit = TARGETS[device, kind] if model == PAPER else ("", None)
            rows.append(_fastest(model, kind, some, words, limit))
    every = [entry for precision, entry in found if precision != "fp32"]
    reduced = [entry for entry in every if _is_sound(entry)]
    rows += [
        Row(f"{model}: {entry.engine}", f"joints {entry.mean_mm:.3g} mm off", f"at most {BROKEN_MM:g} mm", False)
        for entry in every
        if not _is_sound(entry)
    ]
    if not reduced:
        return rows
    winners = [min(reduced, key=lambda entry: entry.ratio)]
    if model == PAPER and device == "cuda":
        first, most = min(reduced, key=lambda entry: entry.ms), max(reduced, key=lambda entry: entry.per_second)
        rows += _gpu_verdicts(model, first, most)
        winners += [first, most]
    return [*rows, _distance(model, winners, random=model == PAPER)]


def _fastest(model: str, kind: str, some: Sequence[Measured], words: str, limit: float | None) -> Row:
    """Return the fastest engine of a kind, and whether it is fast enough."""
    if kind == "fp32":
        title, condition = f"{model}: fastest fp32", f"joints within {SAME_MM:g} mm of plain eager's"
        some = [entry for entry in some if entry.worst_mm <= SAME_MM]
    else:
        title, condition = f"{model}: fastest with fewer digits", "time alone; accuracy: `egorear bench accuracy`"
        some = [entry for entry in some if _is_sound(entry)]
    if not some:
        condition = condition if kind == "fp32" else f"joints within {BROKEN_MM:g} mm of plain eager's"
        return Row(title, f"no engine has {condition}", words, None if limit is None else False)
    best = min(some, key=lambda entry: entry.ratio)
    text = f"{best.ratio:.3f} of plain eager ({best.engine}), {condition}"
    return Row(title, text, words, None if limit is None else best.ratio <= limit)


def _is_sound(entry: Measured) -> bool:
    """Return whether an engine with fewer digits computes the same thing; NaN is none."""
    return entry.mean_mm <= BROKEN_MM


def _distance(model: str, winners: Sequence[Measured], *, random: bool) -> Row:
    """Return how far the joints of the winner that is farthest off are from those of fp32.

    Wherever the truth is, no engine's mean distance from it differs by more than the mean distance between the two
    engines. That can show that the goal is met, but not that it is missed: joints that move need not get worse. Random
    weights are the published model's here, and tell nothing about others.
    """
    worst = max(winners, key=lambda entry: (not entry.mean_mm <= OFF_MM, entry.mean_mm))
    text = (
        f"{worst.mean_mm:.2g} mm from plain eager's on average ({worst.engine}), {'random' if random else 'these'} "
        "weights; MPJPE on the same images changes by no more"
    )
    title = f"{model}: joints of the fastest with fewer digits"
    if not random:
        return Row(title, text)
    return Row(title, text, f"MPJPE changes by at most {OFF_MM:g} mm", True if worst.mean_mm <= OFF_MM else None)


def _gpu_verdicts(model: str, first: Measured, most: Measured) -> list[Row]:
    """Return how soon one frame set is estimated, and how many a second, with fewer digits."""
    latency = f"{first.ms:.2f} ms from prepared images to joints ({first.engine})"
    rate = f"{most.per_second:,.0f} framesets/s in batches of {BATCH} ({most.engine})"
    return [
        Row(
            f"{model}: one frameset with fewer digits, time alone",
            latency,
            f"at most {GPU_MS:g} ms",
            first.ms <= GPU_MS,
        ),
        Row(
            f"{model}: many with fewer digits, time alone",
            rate,
            f"at least {GPU_PER_SECOND:,}",
            most.per_second >= GPU_PER_SECOND,
        ),
    ]
