"""The stages of training, one class each; a recipe names the class and what differs from its defaults."""

from egorear_train.stages.base import Stage
from egorear_train.stages.egotap import EgoTapStage, RefinedEgoTapStage
from egorear_train.stages.heatmap import HeatmapStage
from egorear_train.stages.pose import EgoPoseFormerStage, PoseStage, RefinedEgoPoseFormerStage
from egorear_train.stages.refinement import RefinementStage
from egorear_train.stages.small import SmallPoseStage

__all__ = [
    "EgoPoseFormerStage",
    "EgoTapStage",
    "HeatmapStage",
    "PoseStage",
    "RefinedEgoPoseFormerStage",
    "RefinedEgoTapStage",
    "RefinementStage",
    "SmallPoseStage",
    "Stage",
]
