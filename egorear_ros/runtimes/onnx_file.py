"""Reading exported files: whose they are, before anything is computed."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from egorear_ros.runtimes.identity import ModelFileError, ModelIdentity
from egorear_ros.runtimes.install import import_library

FORMAT = "egorear_onnx/1"
INPUTS = ("images", "view_mask", "T_camera_device")


def read_onnx(path: Path) -> Any:
    """Return a parsed ONNX file.

    Raises:
        ModelFileError: it is missing or damaged, or not of this package.
        NotInstalledError: the package onnx is not there.
    """
    onnx = import_library("onnx", "onnx")
    if not path.is_file():
        what = "a folder, expected an ONNX file" if path.is_dir() else "no such file"
        raise ModelFileError(f"{path}: {what}. Write it with `egorear export`.")
    try:
        model = onnx.load(str(path))
    except Exception as error:
        raise ModelFileError(f"{path}: not a complete ONNX file ({error}). Export it again.") from error
    found = metadata_of(model).get("format")
    if found != FORMAT:
        what = "it is empty or of another program" if found is None else f"its format is {found!r}"
        raise ModelFileError(f"{path}: {what}; this program reads {FORMAT!r}. Write it with `egorear export`.")
    return model


def check_onnx(path: Path, identity: ModelIdentity, precisions: Collection[str] = ("fp32",)) -> None:
    """Check that a file is complete and of this model.

    Args:
        path: the file.
        identity: of the model that is expected.
        precisions: of its weights, that will do.

    Raises:
        ModelFileError: it is not; says of which it is.
    """
    model = read_onnx(path)
    metadata = metadata_of(model)
    try:
        found = ModelIdentity.from_metadata(metadata)
    except ModelFileError as error:
        raise ModelFileError(f"{path}: {error}") from error
    if found.digest != identity.digest:
        raise ModelFileError(
            f"{path}: is of {found.model_id} for {found.rig} ({found.digest}); expected {identity.model_id} for "
            f"{identity.rig} ({identity.digest}). Export the weights and the rig that are used, with `egorear export`."
        )
    precision = metadata.get("precision", "fp32")
    if precision not in precisions:
        raise ModelFileError(
            f"{path}: its weights are {precision}; expected {' or '.join(precisions)}. Set runtime.precision to "
            f"{precision}, or write another file with `egorear export --precision`."
        )
    inputs = {entry.name for entry in model.graph.input}
    if inputs != set(INPUTS):
        raise ModelFileError(
            f"{path}: its inputs are {', '.join(sorted(inputs))}; expected {', '.join(INPUTS)}. Export it again, "
            "without --fixed-extrinsics."
        )


def metadata_of(model: Any) -> dict[str, str]:
    """Return what a parsed file says about itself."""
    return {entry.key: entry.value for entry in model.metadata_props}
