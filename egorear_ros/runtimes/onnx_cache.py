"""ONNX files made at start-up, kept for the next one."""

import logging
import os
from pathlib import Path

from torch import nn

from egorear_ros import __version__
from egorear_ros.runtimes.base import RuntimeSetupError
from egorear_ros.runtimes.identity import ModelFileError, ModelIdentity
from egorear_ros.runtimes.onnx_export import export_onnx
from egorear_ros.runtimes.onnx_file import check_onnx

LOG = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Return where files are kept that can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "egorear_ros" / "models"


def cached_onnx(network: nn.Module, identity: ModelIdentity) -> Path:
    """Return the ONNX file of a network, with the places of the cameras as an input.

    Files are named after weights, calibration and version of this package. One that is damaged or of
    another model is announced and made anew.

    Raises:
        RuntimeSetupError: it cannot be made or written.
    """
    path = cache_folder() / f"{identity.digest}-{__version__}.onnx"
    if path.is_file():
        try:
            check_onnx(path, identity)
        except ModelFileError as error:
            LOG.warning("%s It is made anew.", error)
        else:
            return path
    LOG.info("Writing %s for later starts: %s for %s.", path, identity.model_id, identity.rig)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        export_onnx(network, identity, path, extrinsics=True)
    except OSError as error:
        raise RuntimeSetupError(f"{path} cannot be written ({error}). Set XDG_CACHE_HOME to another folder.") from error
    return path
