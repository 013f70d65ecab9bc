"""Read a folder of results, write a folder with the report."""

from pathlib import Path

from egorear_eval.report.about import data_card, provenance, recording
from egorear_eval.report.frames import shown_frames
from egorear_eval.report.html import page, section, tag, text
from egorear_eval.report.images import FrameImages
from egorear_eval.report.over_time import over_time
from egorear_eval.report.plots import latency, pck_curve, reliability_plot, used_views, visible_views
from egorear_eval.report.results import Results, load_results
from egorear_eval.report.summary import joint_bars, summary

PAGE = "index.html"


def write_report(folder: Path, results_folder: Path, images: FrameImages | None = None) -> Path:
    """Write `index.html`, one page that needs nothing else, and return its path.

    Args:
        folder: where to; it is made.
        results_folder: what `egorear eval ... --out` wrote: `scores.json`, `poses.npz` and, of a recording,
            `timing.npz`; `rig.yaml` if no images are given.
        images: where pictures come from; None: the page has none, and says so.

    Raises:
        EvaluationError: the results are missing or damaged.
    """
    results = load_results(results_folder, None if images is None else images.rig)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / PAGE
    path.write_text(report_page(results, images), encoding="utf-8")
    return path


def report_page(results: Results, images: FrameImages | None) -> str:
    """Return the page."""
    model = str(results.facts.get("model", "estimates"))
    title = f"{model}: evaluation of {results.folder.resolve().name}"
    plots = [pck_curve(results), reliability_plot(results), used_views(results), visible_views(results)]
    parts = [
        summary(results),
        joint_bars(results),
        over_time(results),
        section("Curves", tag("div", *plots, class_="plots"), id_="curves"),
        shown_frames(results, images),
        latency(results),
        recording(results),
        data_card(results),
        provenance(results),
    ]
    header = tag("header", tag("h1", text(model)), tag("p", text(f"Evaluation {results.folder}")))
    return page(title, header, *parts)
