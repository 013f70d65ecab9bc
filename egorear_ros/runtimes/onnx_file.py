"""Reading exported files: whose they are, before anything is computed."""

from pathlib import Path
from typing import Any

from egorear_ros.runtimes.identity import ModelFileError, ModelIdentity
from egorear_ros.runtimes.install import import_library

FORMAT = "egorear_onnx/1"


def read_onnx(path: Path) -> Any:
    """Return a parsed ONNX file.

    Raises:
        ModelFileError: it is missing or damaged, or not of this package.
        NotInstalledError: the package onnx is not there.
    """
    onnx = import_library("onnx", "onnx")
    if not path.is_file():
        raise ModelFileError(f"{path}: no such file. Write it with `egorear export`.")
    try:
        model = onnx.load(str(path))
    except Exception as error:
        raise ModelFileError(f"{path}: not a complete ONNX file ({error}). Export it again.") from error
    metadata = _metadata(model)
    if metadata.get("format") != FORMAT:
        raise ModelFileError(
            f"{path}: its format is {metadata.get('format')!r}, this program reads {FORMAT!r}. Write it with "
            "`egorear export`."
        )
    return model


def check_onnx(path: Path, identity: ModelIdentity) -> None:
    """Check that a file is complete and of this model.

    Raises:
        ModelFileError: it is not; says of which it is.
    """
    found = ModelIdentity.from_metadata(_metadata(read_onnx(path)))
    if found.digest != identity.digest:
        raise ModelFileError(
            f"{path}: is of {found.model_id} for {found.rig} ({found.digest}); expected {identity.model_id} for "
            f"{identity.rig} ({identity.digest})."
        )


def _metadata(model: Any) -> dict[str, str]:
    return {entry.key: entry.value for entry in model.metadata_props}
