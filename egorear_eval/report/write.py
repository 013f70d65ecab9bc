"""Read a folder of results, write a folder with the report."""

from pathlib import Path

from egorear_eval.report.images import FrameImages

PAGE = "index.html"


def write_report(folder: Path, results: Path, images: FrameImages | None = None) -> Path:
    """Write `index.html`, one page that needs nothing else, and return its path.

    Args:
        folder: where to; it is made.
        results: the folder that `egorear eval ... --out` wrote: `scores.json`, `poses.npz` and, of a
            recording, `timing.npz`.
        images: where pictures come from; None: the page has none, and says so.

    Raises:
        EvaluationError: the results are missing or damaged.
    """
    raise NotImplementedError
