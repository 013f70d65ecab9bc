"""A run of an evaluation as one self-contained HTML page."""

from egorear_eval.report.images import FrameImages
from egorear_eval.report.write import write_report

__all__ = ["FrameImages", "write_report"]
