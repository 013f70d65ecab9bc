"""From configuration to a ready method."""

import logging
from typing import TYPE_CHECKING

from egorear_ros.config import EstimatorConfig, RuntimeConfig
from egorear_ros.estimators.base import Estimator, EstimatorSetupError
from egorear_ros.estimators.egorear import EgoRearEstimator
from egorear_ros.estimators.null import NullEstimator
from egorear_ros.estimators.preprocess_choice import make_preprocess
from egorear_ros.estimators.smoothing import SmoothedEstimator
from egorear_ros.structures import Rig

if TYPE_CHECKING:
    from torch import nn

LOG = logging.getLogger(__name__)


def make_estimator(estimator: EstimatorConfig, runtime: RuntimeConfig, rig: Rig) -> Estimator:
    """Build the method that the configuration names, for a rig.

    Raises:
        EstimatorSetupError: no weights are given, or a setting contradicts them.
        CheckpointError: the weights cannot be used, or not with this rig.
        RuntimeSetupError: the execution engine or device is not there.
    """
    made = _make(estimator, runtime, rig)
    return SmoothedEstimator(made, estimator.smoothing) if estimator.smoothing.enabled else made


def _make(estimator: EstimatorConfig, runtime: RuntimeConfig, rig: Rig) -> Estimator:
    if estimator.method == "null":
        return NullEstimator(rig.views, estimator.delay_s)
    if estimator.checkpoint:
        return _trained(estimator, runtime, rig)
    if estimator.allow_untrained:
        return _untrained(estimator, runtime, rig)
    raise EstimatorSetupError(
        f"estimator.method {estimator.method} has no weights. Set estimator.checkpoint to a .safetensors or .ckpt "
        "file, or estimator.allow_untrained to true to run random weights."
    )


def _trained(config: EstimatorConfig, runtime: RuntimeConfig, rig: Rig) -> Estimator:
    from egorear_ros.models.build import check_architecture, load_network, published_id, rig_for
    from egorear_ros.models.checkpoint import load_checkpoint
    from egorear_ros.runtimes.factory import make_runtime
    from egorear_ros.runtimes.identity import identify

    checkpoint = load_checkpoint(config.checkpoint, legacy_syn_geometry=config.legacy_syn_geometry)
    check_architecture(checkpoint, config.method)
    rig = rig_for(checkpoint, rig)
    size = checkpoint.header.input_size
    network = load_network(checkpoint, rig, flip_test=config.flip_test)
    digest, header = checkpoint.digest, checkpoint.header
    model_id = published_id(checkpoint, flip_test=config.flip_test)
    # As long as it lives the file stays mapped into memory, a second copy of the weights.
    del checkpoint

    def load_again() -> "nn.Module":
        again = load_checkpoint(config.checkpoint, legacy_syn_geometry=config.legacy_syn_geometry)
        if again.digest != digest:
            raise EstimatorSetupError(f"{again.path} holds other weights by now, {again.model_id}.")
        return load_network(again, rig, flip_test=config.flip_test)

    identity = identify(network, rig, size, model_id)
    engine = make_runtime(network, runtime, identity, load_again)
    LOG.info("%s for %s, %s", model_id, ", ".join(rig.views), engine.description)
    accept = config.missing_views == "always" or (config.missing_views == "auto" and header.trained_with_missing_views)
    return EgoRearEstimator(
        engine,
        rig,
        size,
        model_id,
        accept_missing_views=accept,
        preprocess=make_preprocess(config, runtime, engine, rig, size, header.architecture, header.size.image_size),
    )


def _untrained(config: EstimatorConfig, runtime: RuntimeConfig, rig: Rig) -> Estimator:
    from egorear_ros.models.build import build_untrained
    from egorear_ros.models.size import ModelSize
    from egorear_ros.runtimes.factory import make_runtime
    from egorear_ros.runtimes.identity import identify

    network, model_id = build_untrained(config.method, rig), f"{config.method}-untrained"
    identity = identify(network, rig, ModelSize.image_size, model_id)
    engine = make_runtime(network, runtime, identity, lambda: build_untrained(config.method, rig))
    LOG.warning("%s has random weights: its poses mean nothing. Set estimator.checkpoint.", config.method)
    return EgoRearEstimator(
        engine,
        rig,
        ModelSize.image_size,
        model_id,
        trained=False,
        accept_missing_views=config.missing_views == "always",
        preprocess=make_preprocess(config, runtime, engine, rig, ModelSize.image_size, config.method),
    )
