"""The stages of training, one class each; a recipe names the class and what differs from its defaults."""

from egorear_train.stages.base import Stage
from egorear_train.stages.heatmap import HeatmapStage
from egorear_train.stages.pose import EgoPoseFormerStage, PoseStage
from egorear_train.stages.refinement import RefinementStage

__all__ = ["EgoPoseFormerStage", "HeatmapStage", "PoseStage", "RefinementStage", "Stage"]
