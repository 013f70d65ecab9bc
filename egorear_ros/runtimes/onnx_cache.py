"""ONNX files made at start-up, kept for the next one."""

import logging
import os
from pathlib import Path

from torch import nn

from egorear_ros import __version__
from egorear_ros.config import RuntimeConfig
from egorear_ros.runtimes.base import RuntimeSetupError
from egorear_ros.runtimes.identity import ModelFileError, ModelIdentity
from egorear_ros.runtimes.onnx_export import ExportError, export_onnx
from egorear_ros.runtimes.onnx_file import check_onnx

LOG = logging.getLogger(__name__)
FILE_PRECISIONS = {"int8": ("int8",), "fp16": ("fp16",)}
"""Of weights in a file, by what is asked for; otherwise they are whole."""


def cache_folder() -> Path:
    """Return where files are kept that can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "egorear_ros" / "models"


def onnx_for(network: nn.Module, config: RuntimeConfig, identity: ModelIdentity) -> Path:
    """Return the ONNX file that an engine is to run: the one that is named, or one that is kept.

    Raises:
        ModelFileError: the named one is damaged, of another model, or of another precision.
        RuntimeSetupError: none is named and int8 is asked for, or it cannot be made or written.
    """
    if config.model:
        path = Path(config.model).expanduser()
        # A file in full precision can be computed with fewer digits, but not made of small integers.
        check_onnx(path, identity, FILE_PRECISIONS.get(config.precision, ("fp32",)))
        return path
    if config.precision == "int8":
        raise RuntimeSetupError(
            "runtime.precision int8 needs a file that was measured on a calibration set. Write it with `egorear export "
            "... --precision int8 --calibration DATASET`, and name it in runtime.model."
        )
    return cached_onnx(network, identity, "fp16" if config.precision == "fp16" else "fp32")


def cached_onnx(network: nn.Module, identity: ModelIdentity, precision: str = "fp32") -> Path:
    """Return the ONNX file of a network, with the places of the cameras as an input.

    Files are named after weights, calibration and version of this package. One that is damaged or of
    another model is announced and made anew.

    Raises:
        RuntimeSetupError: it cannot be made or written.
    """
    path = cache_folder() / f"{identity.digest}-{precision}-{__version__}.onnx"
    if path.is_file():
        try:
            check_onnx(path, identity, (precision,))
        except ModelFileError as error:
            LOG.warning("A kept file is made anew: %s.", str(error).partition(". ")[0])
        else:
            return path
    LOG.info("Writing %s for later starts: %s for %s.", path, identity.model_id, identity.rig)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        export_onnx(network, identity, path, precision=precision)
    except (OSError, ExportError) as error:
        if isinstance(error, ExportError) and not isinstance(error.__cause__, OSError):
            raise RuntimeSetupError(str(error)) from error  # of the network, not of the place
        raise RuntimeSetupError(f"{path} cannot be written ({error}). Set XDG_CACHE_HOME to another folder.") from error
    return path
