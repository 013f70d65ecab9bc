"""Accuracy of a batch of poses, as `egorear_ros.metrics` counts it."""

from torch import Tensor

from egorear_ros.metrics import auc_percent, joint_errors_mm, pa_mpjpe_mm, pck_percent
from egorear_ros.skeleton import EGO4VIEW

CM_PER_M = 100.0


def pose_metrics(joints_cm: Tensor, truth_cm: Tensor) -> dict[str, float]:
    """Compare (B, 16, 3) poses in the device frame; each number is a mean over the B frames."""
    predicted = joints_cm.detach().double().cpu().numpy() / CM_PER_M
    truth = truth_cm.detach().double().cpu().numpy() / CM_PER_M
    errors = joint_errors_mm(predicted, truth)
    per_joint = dict(zip(EGO4VIEW.joint_names, errors.mean(axis=0), strict=True))
    return {
        "mpjpe_mm": float(errors.mean()),
        "pa_mpjpe_mm": float(pa_mpjpe_mm(predicted, truth).mean()),
        "pck_percent": float(pck_percent(predicted, truth).mean()),
        "auc_percent": float(auc_percent(predicted, truth).mean()),
        **{f"mpjpe_mm_{name}": float(value) for name, value in per_joint.items()},
    }
